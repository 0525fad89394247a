//! Output of containers and execs: taking the engine's frames apart.
//!
//! Without a terminal, stdout and stderr come over one connection in frames of eight bytes of header (the
//! source, three zeros, the length) and that many bytes. With one, everything comes as it is.

use std::collections::VecDeque;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use crate::{EngineError, LogEntry, OutputChunk, OutputSource, Stream};

const HEADER: usize = 8;

/// Takes pieces of any size apart into chunks with their source.
pub(super) fn chunks<B: AsRef<[u8]> + Send + 'static>(
    pieces: Stream<B>,
    terminal: bool,
) -> Stream<OutputChunk> {
    if terminal {
        let whole = |piece: B| OutputChunk {
            source: OutputSource::Terminal,
            bytes: piece.as_ref().to_vec(),
        };
        return pieces.map(move |piece| piece.map(whole)).boxed();
    }
    let state = (pieces, Vec::new());
    stream::unfold(
        state,
        |(mut pieces, mut rest): (Stream<B>, Vec<u8>)| async move {
            loop {
                match cut_frame(&mut rest) {
                    Ok(Some(chunk)) => return Some((Ok(chunk), (pieces, rest))),
                    Ok(None) => {}
                    Err(error) => return Some((Err(error), (stream::empty().boxed(), Vec::new()))),
                }
                match pieces.next().await {
                    Some(Ok(piece)) => rest.extend_from_slice(piece.as_ref()),
                    Some(Err(error)) => return Some((Err(error), (pieces, rest))),
                    // A frame that was cut off was never whole: its container went while it was written.
                    None => return None,
                }
            }
        },
    )
    .boxed()
}

/// Takes the first whole frame off the front.
fn cut_frame(rest: &mut Vec<u8>) -> Result<Option<OutputChunk>, EngineError> {
    let [source, _, _, _, a, b, c, d, ..] = rest[..] else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    let source = match source {
        // Stdin comes back on attach where it is echoed.
        0 | 1 => OutputSource::Stdout,
        2 => OutputSource::Stderr,
        other => {
            return Err(EngineError::Unreadable {
                request: "the output of a container".into(),
                text: format!("a frame of kind {other}"),
            });
        }
    };
    if rest.len() < HEADER + length {
        return Ok(None);
    }
    let frame: Vec<u8> = rest.drain(..HEADER + length).skip(HEADER).collect();
    Ok(Some(OutputChunk {
        source,
        bytes: frame,
    }))
}

/// Takes a log with time stamps apart into entries.
///
/// Without a terminal one frame is one entry. With one there are no frames, so every line is an entry, and a
/// line that the engine had cut looks like it came in one piece, with the later time stamps inside.
pub(super) fn entries<B: AsRef<[u8]> + Send + 'static>(
    pieces: Stream<B>,
    terminal: bool,
) -> Stream<LogEntry> {
    let state = (chunks(pieces, terminal), Vec::new(), VecDeque::new());
    stream::unfold(state, move |(mut chunks, mut rest, mut ready)| async move {
        loop {
            if let Some(entry) = ready.pop_front() {
                return Some((entry, (chunks, rest, ready)));
            }
            match chunks.next().await {
                Some(Ok(OutputChunk {
                    source: OutputSource::Terminal,
                    bytes,
                })) => {
                    rest.extend_from_slice(&bytes);
                    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                        let line: Vec<u8> = rest.drain(..=end).collect();
                        ready.push_back(entry(OutputSource::Terminal, &line));
                    }
                }
                Some(Ok(OutputChunk { source, bytes })) => ready.push_back(entry(source, &bytes)),
                Some(Err(error)) => ready.push_back(Err(error)),
                None if rest.is_empty() => return None,
                None => ready.push_back(entry(OutputSource::Terminal, &std::mem::take(&mut rest))),
            }
        }
    })
    .boxed()
}

/// Reads `TIME text\n`; a text without an end of line goes on in the next entry.
fn entry(source: OutputSource, line: &[u8]) -> Result<LogEntry, EngineError> {
    let unreadable = || EngineError::Unreadable {
        request: "the log of a container".into(),
        text: "an entry without a time".into(),
    };
    let space = line
        .iter()
        .position(|byte| *byte == b' ')
        .ok_or_else(unreadable)?;
    let time = std::str::from_utf8(&line[..space]).map_err(|_| unreadable())?;
    let at: Timestamp = time.parse().map_err(|_| unreadable())?;
    let text = &line[space + 1..];
    let ended = text.strip_suffix(b"\n");
    let bytes = ended.unwrap_or(text);
    let bytes = if source == OutputSource::Terminal {
        bytes.strip_suffix(b"\r").unwrap_or(bytes)
    } else {
        bytes
    };
    Ok(LogEntry {
        at,
        source,
        bytes: bytes.to_vec(),
        continues: ended.is_none(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        [&[kind, 0, 0, 0][..], &length, text.as_bytes()].concat()
    }

    fn in_pieces(bytes: &[u8], size: usize) -> Stream<Vec<u8>> {
        let pieces: Vec<_> = bytes.chunks(size).map(|piece| Ok(piece.to_vec())).collect();
        stream::iter(pieces).boxed()
    }

    #[tokio::test]
    async fn frames_are_found_whatever_the_size_of_the_pieces() {
        let bytes = [frame(1, "one"), frame(2, ""), frame(2, "two\n")].concat();
        for size in 1..=bytes.len() {
            let chunks: Vec<_> = chunks(in_pieces(&bytes, size), false)
                .map(Result::unwrap)
                .collect()
                .await;
            let text: Vec<_> = chunks
                .iter()
                .map(|chunk| (chunk.source, chunk.bytes.as_slice()))
                .collect();
            let expected: [(OutputSource, &[u8]); 3] = [
                (OutputSource::Stdout, b"one"),
                (OutputSource::Stderr, b""),
                (OutputSource::Stderr, b"two\n"),
            ];
            assert_eq!(text, expected, "pieces of {size}");
        }
    }

    #[tokio::test]
    async fn what_is_no_frame_ends_the_stream_with_an_error() {
        let results: Vec<_> = chunks(in_pieces(b"Hello, world", 5), false).collect().await;
        assert!(matches!(
            results.as_slice(),
            [Err(EngineError::Unreadable { .. })]
        ));
    }

    #[tokio::test]
    async fn entries_have_their_time_and_know_whether_the_line_goes_on() {
        let bytes = [
            frame(1, "2026-11-21T05:14:06.123456789Z a b\n"),
            frame(2, "2026-11-21T05:14:07Z cut"),
        ]
        .concat();
        let entries: Vec<_> = entries(in_pieces(&bytes, 7), false)
            .map(Result::unwrap)
            .collect()
            .await;
        assert_eq!(entries[0].text(), "a b");
        assert_eq!(entries[0].at.subsec_nanosecond(), 123_456_789);
        assert!(!entries[0].continues && entries[1].continues);
        assert_eq!(entries[1].source, OutputSource::Stderr);
    }

    #[tokio::test]
    async fn a_terminal_has_lines_instead_of_frames() {
        let bytes = b"2026-11-21T05:14:06Z one\r\n2026-11-21T05:14:07Z two";
        let entries: Vec<_> = entries(in_pieces(bytes, 4), true)
            .map(Result::unwrap)
            .collect()
            .await;
        let texts: Vec<_> = entries.iter().map(LogEntry::text).collect();
        assert_eq!(texts, ["one", "two"]);
    }
}
