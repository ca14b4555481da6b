//! The link modes of network devices: which speeds, duplexes and media they are
//! (`enum ethtool_link_mode_bit_indices` in linux/ethtool.h).

/// Bit, megabits per second, duplex, medium.
pub(super) const SPEEDS: [(u32, u32, &str, &str); 78] = [
    (0, 10, "half", "T"),
    (1, 10, "full", "T"),
    (2, 100, "half", "T"),
    (3, 100, "full", "T"),
    (4, 1000, "half", "T"),
    (5, 1000, "full", "T"),
    (12, 10_000, "full", "T"),
    (17, 1000, "full", "KX"),
    (18, 10_000, "full", "KX4"),
    (19, 10_000, "full", "KR"),
    (20, 10_000, "full", "R_FEC"),
    (21, 20_000, "full", "MLD2"),
    (22, 20_000, "full", "KR2"),
    (23, 40_000, "full", "KR4"),
    (24, 40_000, "full", "CR4"),
    (25, 40_000, "full", "SR4"),
    (26, 40_000, "full", "LR4"),
    (27, 56_000, "full", "KR4"),
    (28, 56_000, "full", "CR4"),
    (29, 56_000, "full", "SR4"),
    (30, 56_000, "full", "LR4"),
    (31, 25_000, "full", "CR"),
    (32, 25_000, "full", "KR"),
    (33, 25_000, "full", "SR"),
    (34, 50_000, "full", "CR2"),
    (35, 50_000, "full", "KR2"),
    (36, 100_000, "full", "KR4"),
    (37, 100_000, "full", "SR4"),
    (38, 100_000, "full", "CR4"),
    (39, 100_000, "full", "R4_ER4"),
    (40, 50_000, "full", "SR2"),
    (41, 1000, "full", "X"),
    (42, 10_000, "full", "CR"),
    (43, 10_000, "full", "SR"),
    (44, 10_000, "full", "LR"),
    (45, 10_000, "full", "LRM"),
    (46, 10_000, "full", "ER"),
    (47, 2500, "full", "T"),
    (48, 5000, "full", "T"),
    (52, 50_000, "full", "KR"),
    (53, 50_000, "full", "SR"),
    (54, 50_000, "full", "CR"),
    (55, 50_000, "full", "LR_ER_FR"),
    (56, 50_000, "full", "DR"),
    (57, 100_000, "full", "KR2"),
    (58, 100_000, "full", "SR2"),
    (59, 100_000, "full", "CR2"),
    (60, 100_000, "full", "LR2_ER2_FR2"),
    (61, 100_000, "full", "DR2"),
    (62, 200_000, "full", "KR4"),
    (63, 200_000, "full", "SR4"),
    (64, 200_000, "full", "LR4_ER4_FR4"),
    (65, 200_000, "full", "DR4"),
    (66, 200_000, "full", "CR4"),
    (67, 100, "full", "T1"),
    (68, 1000, "full", "T1"),
    (69, 400_000, "full", "KR8"),
    (70, 400_000, "full", "SR8"),
    (71, 400_000, "full", "LR8_ER8_FR8"),
    (72, 400_000, "full", "DR8"),
    (73, 400_000, "full", "CR8"),
    (75, 100_000, "full", "KR"),
    (76, 100_000, "full", "SR"),
    (77, 100_000, "full", "LR_ER_FR"),
    (78, 100_000, "full", "CR"),
    (79, 100_000, "full", "DR"),
    (80, 200_000, "full", "KR2"),
    (81, 200_000, "full", "SR2"),
    (82, 200_000, "full", "LR2_ER2_FR2"),
    (83, 200_000, "full", "DR2"),
    (84, 200_000, "full", "CR2"),
    (85, 400_000, "full", "KR4"),
    (86, 400_000, "full", "SR4"),
    (87, 400_000, "full", "LR4_ER4_FR4"),
    (88, 400_000, "full", "DR4"),
    (89, 400_000, "full", "CR4"),
    (90, 100, "half", "FX"),
    (91, 100, "full", "FX"),
];

/// Bit and name of the ports.
pub(super) const PORTS: [(u32, &str); 6] =
    [(7, "TP"), (8, "AUI"), (9, "MII"), (10, "FIBRE"), (11, "BNC"), (16, "Backplane")];

/// The link negotiates with its peer.
pub(super) const AUTONEGOTIATION: u32 = 6;
/// The link can be told to pause.
pub(super) const PAUSE: u32 = 13;
/// The link can be told to pause in one direction.
pub(super) const ASYMMETRIC_PAUSE: u32 = 14;

/// A set of modes, in words of 32 bits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Modes(pub Vec<u32>);

impl Modes {
    /// Whether a bit is set.
    pub(super) fn has(&self, bit: u32) -> bool {
        self.0.get(bit as usize / 32).is_some_and(|word| word >> (bit % 32) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_beyond_the_first_word_are_found() {
        let modes = Modes(vec![1 << 5, 0, 1 << 3]);
        let speeds: Vec<u32> = SPEEDS
            .iter()
            .filter(|(bit, ..)| modes.has(*bit))
            .map(|(_, speed, ..)| *speed)
            .collect();
        assert_eq!(speeds, [1000, 100]);
        assert!(!modes.has(6) && !modes.has(200));
        assert!(SPEEDS.is_sorted_by_key(|(bit, ..)| *bit));
    }
}
