//! Targets that are written down in the configuration.

use super::Group;
use crate::wire::prometheus::StaticConfig;

pub(super) fn groups(configs: &[StaticConfig]) -> Vec<Group> {
    configs.iter().map(|config| Group::from_wire(config, &[])).collect()
}
