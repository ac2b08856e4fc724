//! Rows to records. A row that does not decode is `Corrupt`, never a panic.

use std::fmt::Display;

use workspace_core::{Error, ErrorKind, Result, Timestamp};

use crate::conn::SqlValue;

/// The columns of one row, taken from left to right.
pub(crate) struct Row<'r> {
    table: &'static str,
    values: &'r [SqlValue<'r>],
    next: usize,
}

impl<'r> Row<'r> {
    pub(crate) fn new(table: &'static str, values: &'r [SqlValue<'r>]) -> Self {
        Self {
            table,
            values,
            next: 0,
        }
    }

    pub(crate) fn corrupt(&self, why: impl Display) -> Error {
        Error::new(ErrorKind::Corrupt, "read row")
            .at(format_args!("table {}", self.table))
            .because(why)
    }

    fn take(&mut self) -> Result<SqlValue<'r>> {
        let value = self.values.get(self.next).copied();
        self.next += 1;
        value.ok_or_else(|| self.corrupt(format_args!("column {} is missing", self.next)))
    }

    fn unexpected(&self, wanted: &str) -> Error {
        self.corrupt(format_args!("column {} is not {wanted}", self.next))
    }

    pub(crate) fn optional_integer(&mut self) -> Result<Option<i64>> {
        let limit = SqlValue::MAX_INTEGER;
        match self.take()? {
            SqlValue::Null => Ok(None),
            SqlValue::Integer(n) if (-limit..=limit).contains(&n) => Ok(Some(n)),
            _ => Err(self.unexpected("an integer of 53 bits")),
        }
    }

    pub(crate) fn optional_number(&mut self) -> Result<Option<u64>> {
        match self.optional_integer()? {
            None => Ok(None),
            Some(n) => match u64::try_from(n) {
                Ok(n) => Ok(Some(n)),
                Err(_) => Err(self.unexpected("0 or more")),
            },
        }
    }

    pub(crate) fn number(&mut self) -> Result<u64> {
        let number = self.optional_number()?;
        number.ok_or_else(|| self.unexpected("a number"))
    }

    /// A counter id (revision, operation): a number from 1 on.
    pub(crate) fn optional_counter(&mut self) -> Result<Option<u64>> {
        match self.optional_number()? {
            Some(0) => Err(self.unexpected("1 or more")),
            number => Ok(number),
        }
    }

    pub(crate) fn counter(&mut self) -> Result<u64> {
        let counter = self.optional_counter()?;
        counter.ok_or_else(|| self.unexpected("a number"))
    }

    pub(crate) fn optional_time(&mut self) -> Result<Option<Timestamp>> {
        Ok(self.optional_integer()?.map(Timestamp::from_millis))
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp> {
        let time = self.optional_time()?;
        time.ok_or_else(|| self.unexpected("a time"))
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<&'r str>> {
        match self.take()? {
            SqlValue::Null => Ok(None),
            SqlValue::Text(text) => Ok(Some(text)),
            _ => Err(self.unexpected("text")),
        }
    }

    pub(crate) fn text(&mut self) -> Result<&'r str> {
        let text = self.optional_text()?;
        text.ok_or_else(|| self.unexpected("text"))
    }

    pub(crate) fn optional_bytes(&mut self) -> Result<Option<&'r [u8]>> {
        match self.take()? {
            SqlValue::Null => Ok(None),
            SqlValue::Blob(bytes) => Ok(Some(bytes)),
            _ => Err(self.unexpected("bytes")),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'r [u8]> {
        let bytes = self.optional_bytes()?;
        bytes.ok_or_else(|| self.unexpected("bytes"))
    }

    /// A hash or copy id, checked for its length.
    pub(crate) fn optional_id<T>(&mut self) -> Result<Option<T>>
    where
        T: TryFrom<&'r [u8], Error = Error>,
    {
        match self.optional_bytes()? {
            None => Ok(None),
            Some(bytes) => match T::try_from(bytes) {
                Ok(id) => Ok(Some(id)),
                Err(cause) => Err(self.unexpected("an id").with_source(cause)),
            },
        }
    }

    pub(crate) fn id<T>(&mut self) -> Result<T>
    where
        T: TryFrom<&'r [u8], Error = Error>,
    {
        let id = self.optional_id()?;
        id.ok_or_else(|| self.unexpected("an id"))
    }
}
