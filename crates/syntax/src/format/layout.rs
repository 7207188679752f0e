//! Elastic tab stops: cells of neighbouring lines are padded to line up.
//!
//! A line is a row of cells. All but its last cell are closed by a tab; the cells in the same column of consecutive lines make a
//! block as wide as its widest cell plus one blank. A line that is closed with [`Layout::break_run`] shares no block with the next.
//! The rules are those of Go's `text/tabwriter` with minimal width 0, tab width 8, padding 1 and the flags `DiscardEmptyColumns`
//! and `TabIndent`. Blanks at the end of a line are dropped unless they are verbatim.

const TAB_WIDTH: usize = 8;
const PADDING: usize = 1;

/// What closes a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Keeps its column even if all of its cells are empty: indentation.
    Hard,
    /// Its column vanishes if all of its cells are empty.
    Soft,
}

struct Cell {
    /// Range in `Layout::text`.
    start: usize,
    end: usize,
    /// Offset in `Layout::text` up to which the cell is verbatim; `start` if it is not.
    verbatim_end: usize,
    /// Index in `Layout::blocks`.
    block: usize,
}

/// A column of cells in consecutive lines.
struct Block {
    width: usize,
    /// All cells are empty and closed by soft stops.
    empty: bool,
}

/// Collects the cells of the line being written and the widths of all blocks.
#[derive(Default)]
pub(super) struct Layout {
    text: Vec<u8>,
    cells: Vec<Cell>,
    /// For each finished line the end of its cells in `cells`.
    lines: Vec<usize>,
    blocks: Vec<Block>,
    /// Blocks that the next line may continue, by column.
    open: Vec<usize>,
    /// Where the current cell starts, and how much of it is verbatim.
    start: usize,
    verbatim_end: usize,
    /// Columns of the current line so far.
    columns: usize,
}

impl Layout {
    /// Adds text to the current cell. It holds no tabs and no newlines.
    pub(super) fn push(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    /// Adds text that is never changed, whatever it holds.
    pub(super) fn push_verbatim(&mut self, text: &str) {
        self.push(text);
        self.verbatim_end = self.text.len();
    }

    /// Whether nothing was written yet.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.cells.is_empty() && self.lines.is_empty()
    }

    /// Closes the current cell.
    pub(super) fn stop(&mut self, stop: Stop) {
        let width = char_count(&self.text[self.start..]);
        let block = match self.open.get(self.columns) {
            Some(block) => *block,
            None => {
                self.blocks.push(Block { width: 0, empty: true });
                self.open.push(self.blocks.len() - 1);
                self.blocks.len() - 1
            }
        };
        let of = &mut self.blocks[block];
        of.width = of.width.max(width + PADDING);
        of.empty &= width == 0 && stop == Stop::Soft;
        self.columns += 1;
        self.finish_cell(block);
    }

    /// Closes the current line.
    pub(super) fn newline(&mut self) {
        // Longer lines before this one end their columns here; the last cell of a line belongs to no column.
        self.open.truncate(self.columns);
        self.columns = 0;
        self.finish_cell(usize::MAX);
        self.lines.push(self.cells.len());
    }

    /// Closes the current line and all columns.
    pub(super) fn break_run(&mut self) {
        self.newline();
        self.open.clear();
    }

    fn finish_cell(&mut self, block: usize) {
        let end = self.text.len();
        let verbatim_end = self.verbatim_end.max(self.start);
        self.cells.push(Cell {
            start: self.start,
            end,
            verbatim_end,
            block,
        });
        self.start = end;
        self.verbatim_end = end;
    }

    /// The text with all cells padded. There is no newline after the last line.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.newline();
        let mut out = Vec::with_capacity(self.text.len() + self.text.len() / 4);
        let mut first = 0;
        for (i, &last) in self.lines.iter().enumerate() {
            if i > 0 {
                out.push(b'\n');
            }
            self.line(&self.cells[first..last], &mut out);
            first = last;
        }
        out
    }

    fn line(&self, cells: &[Cell], out: &mut Vec<u8>) {
        // Blanks before this length stay.
        let mut keep = out.len();
        let mut leading = true;
        for cell in cells {
            let text = &self.text[cell.start..cell.end];
            out.extend_from_slice(text);
            if cell.verbatim_end > cell.start {
                keep = out.len() - (cell.end - cell.verbatim_end);
            }
            leading &= text.is_empty();
            let Some(block) = self.blocks.get(cell.block) else {
                break;
            };
            let width = if block.empty { 0 } else { block.width };
            if leading {
                out.resize(out.len() + width.div_ceil(TAB_WIDTH), b'\t');
            } else {
                out.resize(out.len() + width.saturating_sub(char_count(text)), b' ');
            }
        }
        while out.len() > keep && matches!(out.last(), Some(b' ' | b'\t')) {
            out.pop();
        }
    }
}

fn char_count(text: &[u8]) -> usize {
    // Everything that is pushed is UTF-8: count the bytes that start a character.
    text.iter().filter(|b| (**b as i8) >= -0x40).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lays out `text`, in which `|` is a soft stop, `>` a hard one and `^` a newline that breaks the run.
    fn check(text: &str, expected: &str) {
        let mut layout = Layout::default();
        for c in text.chars() {
            match c {
                '|' => layout.stop(Stop::Soft),
                '>' => layout.stop(Stop::Hard),
                '\n' => layout.newline(),
                '^' => layout.break_run(),
                '~' => layout.push_verbatim(" \t"),
                c => layout.push(c.encode_utf8(&mut [0; 4])),
            }
        }
        assert_eq!(String::from_utf8(layout.finish()).unwrap(), expected, "{text}");
    }

    #[test]
    fn aligns_cells() {
        check("a|= 1\nbbb|= 2", "a   = 1\nbbb = 2");
        check("a|= 1^bbb|= 2", "a = 1\nbbb = 2");
        check("a|= 1\nx\nbbb|= 2", "a = 1\nx\nbbb = 2");
        check("é|= 1\nbb|= 2", "é  = 1\nbb = 2");
        check("a|b|c\nlong|d\ne|f|g", "a    b c\nlong d\ne    f g");
    }

    #[test]
    fn indents_with_tabs() {
        check(">>a|= 1\n>>bb|= 2", "\t\ta  = 1\n\t\tbb = 2");
        check("a_long_name|= {b|= 1,\n>c|= 2", "a_long_name = {b = 1,\n\t\tc    = 2");
        check("|a\n|b", "a\nb");
        check("|a\nx|b", "\ta\nx b");
    }

    #[test]
    fn trims_line_ends_but_not_verbatim_text() {
        check("a  \n>>\nb> \n~\na~ ", "a\n\nb\n \t\na \t");
        check("", "");
    }
}
