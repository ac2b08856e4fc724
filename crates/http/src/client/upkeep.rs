//! The server itself, and upkeep.

use workspace_core::store::StoreUsage;
use workspace_core::{CollectBudget, Collected, FsckOptions, FsckReport, Result};

use super::{Client, Transport};
use crate::operation::Query;
use crate::operations::{self, CollectQuery, FsckQuery};
use crate::wire::HealthDto;

impl<T: Transport> Client<T> {
    /// Asks whether the server answers; needs no valid token.
    pub async fn health(&self) -> Result<HealthDto> {
        self.get("/v1/health", &[]).read().await
    }

    /// Counts what the stores hold. Reads every row.
    pub async fn usage(&self) -> Result<StoreUsage> {
        Ok(self.call(&operations::USAGE, (), ()).await?.into())
    }

    /// Takes one step of the collection under way, or begins one.
    pub async fn collect(&self, budget: CollectBudget) -> Result<Collected> {
        let rows = Some((budget.rows as u64).into());
        let query = Query(CollectQuery { rows });
        Ok(self.call(&operations::COLLECT, (), query).await?.into())
    }

    /// Collects everything there is to collect now, step by step. See
    /// [`Workspace::gc`](workspace_core::Workspace::gc).
    pub async fn gc(&self, mut progress: impl FnMut(&Collected)) -> Result<Collected> {
        let mut objects = 0_u64;
        loop {
            let step = self.collect(CollectBudget::default().rows(10_000)).await?;
            objects = objects.saturating_add(step.objects);
            let total = Collected { objects, ..step };
            progress(&total);
            if step.done {
                return Ok(total);
            }
        }
    }

    /// Checks that everything stored is whole, and repairs what can be if asked
    /// to. See [`Workspace::fsck`](workspace_core::Workspace::fsck).
    pub async fn fsck(&self, options: FsckOptions) -> Result<FsckReport> {
        let contents = options.contents;
        let operation = match options.repair {
            true => &operations::REPAIR,
            false => &operations::FSCK,
        };
        let query = Query(FsckQuery { contents });
        Ok(self.call(operation, (), query).await?.into())
    }
}
