// East Asian wide and full-width characters (Unicode Standard Annex #11), in blocks, and emoji.
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}\p{Emoji_Presentation}]/u;
// Part of the character before: marks, invisible characters, and the vowels and finals of Hangul syllables.
const combining = /[\p{M}\p{Cf}\u1160-\u11ff\ud7b0-\ud7fb]/u;
const pictographic = /\p{Extended_Pictographic}/u;
const skinTone = /\p{Emoji_Modifier}/u;
const regionalIndicator = /\p{Regional_Indicator}/u;
const isAscii = /^[ -~]*$/;
const emojiForm = '\ufe0f';
const firstCombining = '\u0300';
const softHyphen = '\u00ad';
const joiner = '\u200d';

type State = 'none' | 'emoji' | 'joined' | 'flag';

/**
 * Adds up columns, one character after the other. Not by `Intl.Segmenter`, which takes a hundred times as long, and too long
 * for a text that another party chose.
 */
class Columns {
  width = 0;
  #last = 0;
  /** How the last visible character continues. */
  #state: State = 'none';

  add(character: string): void {
    if (character < firstCombining && character !== softHyphen) {
      // Most characters, quickly.
      this.#state = 'none';
      this.#last = 1;
      this.width += 1;
    } else if (character === emojiForm) {
      // Asks for the emoji form of a character, which is wide.
      if (this.#last === 1) this.#widen();
    } else if (character === joiner && this.#state === 'emoji') this.#state = 'joined';
    else if (!this.#continues(character)) {
      this.#last = wide.test(character) ? 2 : 1;
      this.width += this.#last;
    }
  }

  #widen(): void {
    this.#last = 2;
    this.width += 1;
  }

  #continues(character: string): boolean {
    if (skinTone.test(character) && this.#state === 'emoji') return true;
    if (regionalIndicator.test(character))
      return this.#state === 'flag' ? this.#is('none', true) : this.#is('flag', false);
    if (pictographic.test(character)) return this.#is('emoji', this.#state === 'joined');
    return combining.test(character) || this.#is('none', false);
  }

  #is(state: State, continues: boolean): boolean {
    this.#state = state;
    return continues;
  }
}

/** The width of `text`, which has no control characters, in terminal columns. */
export function displayWidth(text: string): number {
  if (isAscii.test(text)) return text.length;
  const columns = new Columns();
  for (const character of text) columns.add(character);
  return columns.width;
}

/** `text` cut to at most `columns` columns, with an ellipsis if it was shortened. */
export function truncate(text: string, columns: number): string {
  if (text.length <= columns && isAscii.test(text)) return text;
  const counted = new Columns();
  let end = 0;
  let kept = 0;
  for (const character of text) {
    counted.add(character);
    end += character.length;
    if (counted.width > columns) return `${text.slice(0, kept)}…`;
    // With room for the ellipsis.
    if (counted.width < columns) kept = end;
  }
  return text;
}

/** `text` in lines of at most `columns` columns, broken between words. A longer word stays whole, so that you can copy it. */
export function wrapWords(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  let lineWidth = 0;
  for (const word of text.split(' ')) {
    const wordWidth = displayWidth(word);
    if (line !== '' && lineWidth + 1 + wordWidth > columns) {
      lines.push(line);
      [line, lineWidth] = [word, wordWidth];
    } else if (line === '') [line, lineWidth] = [word, wordWidth];
    else [line, lineWidth] = [`${line} ${word}`, lineWidth + 1 + wordWidth];
  }
  return [...lines, line];
}
