import type { TurnLogEntry } from '../../plan42/turn-logs.ts';
import { logLine } from '../shown-text.ts';
import { clockTime, exactTime } from '../times.ts';

/** The maximum number of lines shown. The oldest ones are removed first. */
export const maxLines = 5000;
const linesPerBlock = 250;

/** Appends log lines to the document in blocks, which the browser skips while they are out of view. */
export class LogLines {
  readonly #container: HTMLElement;
  #count = 0;
  #pending: TurnLogEntry[] = [];
  #frame: number | undefined;
  readonly #onShown: (added: number) => void;

  /** @param onShown called after each change with the number of new lines */
  constructor(container: HTMLElement, onShown: (added: number) => void) {
    this.#container = container;
    this.#onShown = onShown;
  }

  /** Shows the entry in the browser's next frame, together with all others that arrive until then. */
  add(entry: TurnLogEntry): void {
    this.#pending.push(entry);
    if (this.#pending.length > maxLines) this.#pending.splice(0, this.#pending.length - maxLines);
    this.#frame ??= requestAnimationFrame(() => this.#show());
  }

  stop(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
  }

  #show(): void {
    this.#frame = undefined;
    const entries = this.#pending.splice(0);
    for (const entry of entries) this.#openBlock().append(lineOf(entry));
    this.#count += entries.length;
    while (this.#count - linesPerBlock >= maxLines) {
      this.#container.firstElementChild?.remove();
      this.#count -= linesPerBlock;
    }
    this.#onShown(entries.length);
  }

  #openBlock(): Element {
    const last = this.#container.lastElementChild;
    if (last && last.childElementCount < linesPerBlock) return last;
    const block = document.createElement('div');
    block.className = 'block';
    this.#container.append(block);
    return block;
  }
}

function lineOf({ timestamp, message }: TurnLogEntry): HTMLElement {
  const line = document.createElement('div');
  line.className = 'log-line';
  // The style sheet shows it, so that it is not copied with the text.
  line.dataset['time'] = clockTime(timestamp);
  line.title = exactTime(timestamp);
  line.textContent = logLine(message) || ' ';
  return line;
}
