const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
// East Asian wide and full-width characters (Unicode Standard Annex #11), in blocks.
const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]|^\p{Emoji_Presentation}/u;
// Segmenting into graphemes takes a hundred times as long.
const isAscii = /^[ -~]*$/;
const invisible = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

/** The width of `text`, which has no control characters, in terminal columns. */
export function displayWidth(text: string): number {
  if (isAscii.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

/** `text` cut to at most `columns` columns, with an ellipsis if it was shortened. */
export function truncate(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let width = 1; // the ellipsis
  let kept = '';
  for (const { segment } of graphemes.segment(text)) {
    width += graphemeWidth(segment);
    if (width > columns) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** `text` in lines of at most `columns` columns, broken between words. A longer word stays whole, so that you can copy it. */
export function wrapWords(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && displayWidth(`${line} ${word}`) > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function graphemeWidth(grapheme: string): number {
  if (invisible.test(grapheme)) return 0;
  // U+FE0F asks for the emoji form of a character, which is wide.
  return wide.test(grapheme) || grapheme.endsWith('\ufe0f') || grapheme.includes('\ufe0f\u20e3') ? 2 : 1;
}
