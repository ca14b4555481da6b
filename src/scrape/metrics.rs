//! What scraping says of itself, under Prometheus' names.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::catalogue::{Families, Metric};

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds several.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters over all jobs.
#[derive(Debug, Default)]
pub struct Counters {
    /// Scrapes that ended, well or not.
    pub scrapes: Counter,
    /// Scrapes that brought more samples than allowed.
    pub exceeded_sample_limit: Counter,
    /// Scrapes that brought a longer body than allowed.
    pub exceeded_body_size_limit: Counter,
    /// Samples that came a second time with another value.
    pub duplicate_timestamp: Counter,
    /// Samples older than the newest of their series.
    pub out_of_order: Counter,
    /// Samples too old or too far in the future.
    pub out_of_bounds: Counter,
    /// Samples that the store could not take because it failed.
    pub append_failures: Counter,
    /// Times a job had more targets than allowed.
    pub exceeded_target_limit: Counter,
    /// Jobs that were started.
    pub pools: Counter,
    /// Jobs that could not be started.
    pub pools_failed: Counter,
    /// Jobs whose settings were changed while they ran.
    pub pool_reloads: Counter,
    /// Jobs whose changed settings could not be used.
    pub pool_reloads_failed: Counter,
    /// Times a job's targets were compared with what discovery found.
    pub pool_syncs: Counter,
}

macro_rules! declared {
    ($($constant:ident $field:ident $name:literal $help:literal;)*) => {
        $(const $constant: Metric = Metric::counter($name, $help);)*

        /// All metrics of this part, for the catalogue.
        pub const METRICS: &[Metric] = &[$($constant,)* POOL_TARGETS];

        impl Counters {
            /// Adds the counters to an exposition.
            pub fn expose(&self, out: &mut Families) {
                $(out.put(&$constant, &[], self.$field.get() as f64);)*
            }
        }
    };
}

/// Targets of a job right now.
pub const POOL_TARGETS: Metric = Metric::gauge(
    "prometheus_target_scrape_pool_targets",
    "Targets that the job scrapes at the moment.",
)
.with(&["scrape_job"]);

declared! {
    SCRAPES scrapes "stackctl_target_scrapes_total" "Scrapes that ended, well or not.";
    SAMPLE_LIMIT exceeded_sample_limit "prometheus_target_scrapes_exceeded_sample_limit_total" "Scrapes refused for bringing more samples than sample_limit.";
    BODY_LIMIT exceeded_body_size_limit "prometheus_target_scrapes_exceeded_body_size_limit_total" "Scrapes refused for a body longer than body_size_limit.";
    DUPLICATE duplicate_timestamp "prometheus_target_scrapes_sample_duplicate_timestamp_total" "Samples dropped because another value has the same time.";
    OUT_OF_ORDER out_of_order "prometheus_target_scrapes_sample_out_of_order_total" "Samples dropped because a newer one is stored.";
    OUT_OF_BOUNDS out_of_bounds "prometheus_target_scrapes_sample_out_of_bounds_total" "Samples dropped because their time is too far off.";
    APPEND_FAILURES append_failures "stackctl_target_scrapes_append_failures_total" "Scrapes lost because the store could not take them.";
    TARGET_LIMIT exceeded_target_limit "prometheus_target_scrape_pool_exceeded_target_limit_total" "Times a job had more targets than target_limit.";
    POOLS pools "prometheus_target_scrape_pools_total" "Jobs that were started.";
    POOLS_FAILED pools_failed "prometheus_target_scrape_pools_failed_total" "Jobs that could not be started.";
    RELOADS pool_reloads "prometheus_target_scrape_pool_reloads_total" "Jobs whose settings changed while they ran.";
    RELOADS_FAILED pool_reloads_failed "prometheus_target_scrape_pool_reloads_failed_total" "Jobs whose changed settings could not be used.";
    SYNCS pool_syncs "prometheus_target_scrape_pool_sync_total" "Times the targets of a job were brought up to date.";
}
