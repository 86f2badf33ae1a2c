//! A tar archive with one executable file: the root file system of an image from scratch.

/// Size of a header and of a block.
const BLOCK: usize = 512;

/// An archive with a program under a name.
pub(crate) fn of_program(name: &str, program: &[u8]) -> Vec<u8> {
    let mut archive = header(name, program.len()).to_vec();
    archive.extend_from_slice(program);
    // Whole blocks, and two empty ones at the end.
    let padded = archive.len().next_multiple_of(BLOCK) + 2 * BLOCK;
    archive.resize(padded, 0);
    archive
}

fn header(name: &str, length: usize) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000755\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{length:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\0");
    put(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    let text = format!("{sum:06o}\0 ");
    header[148..148 + text.len()].copy_from_slice(text.as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_whole_blocks_with_a_header_that_sums_up() {
        let archive = of_program("probe", &[7; 700]);
        assert_eq!(archive.len(), BLOCK + 2 * BLOCK + 2 * BLOCK);
        assert_eq!(&archive[..6], b"probe\0");
        assert_eq!(&archive[124..136], b"00000001274\0");
        let sum: u32 = (0..BLOCK)
            .map(|at| if (148..156).contains(&at) { 32 } else { u32::from(archive[at]) })
            .sum();
        assert_eq!(&archive[148..155], format!("{sum:06o}\0").as_bytes());
        assert_eq!(archive[BLOCK + 699], 7);
        assert_eq!(archive[BLOCK + 700], 0);
    }
}
