//! What does not show of a text, and keeps others from matching it.

use unicode_normalization::is_nfc;

/// How the lines of a text end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnds {
    /// It has no line end.
    None,
    /// With `\n`.
    Lf,
    /// With `\r\n`.
    Crlf,
    /// Some with `\n`, some with `\r\n`.
    Mixed,
}

/// What does not show of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// How its lines end.
    pub line_ends: LineEnds,
    /// Whether it begins with a byte order mark.
    pub bom: bool,
    /// Whether lines begin with tabs.
    pub tabs: bool,
    /// Whether lines begin with two spaces or more.
    pub spaces: bool,
    /// Whether it is in Unicode's normalization form C.
    pub nfc: bool,
    /// Whether its last line has an end.
    pub ended: bool,
}

impl Traits {
    /// Looks at a text, once.
    pub fn of(text: &str) -> Self {
        let (mut lf, mut crlf, mut tabs, mut spaces) = (false, false, false, false);
        for line in text.split_inclusive('\n') {
            crlf |= line.ends_with("\r\n");
            lf |= line.ends_with('\n') && !line.ends_with("\r\n");
            tabs |= line.starts_with('\t');
            spaces |= line.starts_with("  ");
        }
        Self {
            line_ends: match (lf, crlf) {
                (false, false) => LineEnds::None,
                (true, false) => LineEnds::Lf,
                (false, true) => LineEnds::Crlf,
                (true, true) => LineEnds::Mixed,
            },
            bom: text.starts_with('\u{feff}'),
            tabs,
            spaces,
            nfc: is_nfc(text),
            ended: text.ends_with('\n'),
        }
    }

    /// Says what of it is worth knowing before it is edited; nothing of a usual text.
    pub fn told(&self) -> Vec<&'static str> {
        let mut told = Vec::new();
        match self.line_ends {
            LineEnds::Crlf => told.push("lines end with CRLF (\\r\\n)"),
            LineEnds::Mixed => told.push("some lines end with CRLF (\\r\\n), some with LF"),
            LineEnds::None | LineEnds::Lf => {}
        }
        if self.bom {
            told.push("begins with a byte order mark (U+FEFF)");
        }
        match (self.tabs, self.spaces) {
            (true, true) => told.push("indented with tabs and with spaces"),
            (true, false) => told.push("indented with tabs"),
            _ => {}
        }
        if !self.nfc {
            told.push("has characters that are not in Unicode form C");
        }
        told
    }
}
