//! The server itself, and upkeep.

use workspace_core::store::StoreUsage;
use workspace_core::{CollectBudget, Collected, FsckOptions, FsckReport, Result};

use super::{Client, Transport};
use crate::wire::{CollectedDto, FsckDto, HealthDto, UsageDto};

impl<T: Transport> Client<T> {
    /// Asks whether the server answers; needs no valid token.
    pub async fn health(&self) -> Result<HealthDto> {
        self.get("/v1/health", &[]).read().await
    }

    /// Counts what the stores hold. Reads every row.
    pub async fn usage(&self) -> Result<StoreUsage> {
        Ok(self.get("/v1/usage", &[]).read::<UsageDto>().await?.into())
    }

    /// Takes one step of the collection under way, or begins one.
    pub async fn collect(&self, budget: CollectBudget) -> Result<Collected> {
        let query = [("rows", budget.rows.to_string())];
        let collected: CollectedDto = self.post("/v1/gc", &query).read().await?;
        Ok(collected.into())
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
        let query = [("contents", options.contents.to_string())];
        let asked = match options.repair {
            true => self.post("/v1/fsck", &query),
            false => self.get("/v1/fsck", &query),
        };
        Ok(asked.read::<FsckDto>().await?.into())
    }
}
