import type { LineEvent } from '../adapters/adapter.ts';
import type { AgentEvent, AgentUsage } from './driver.ts';

/** A paragraph that gets longer is split. */
const maxParagraphLength = 8192;
/** Details are for people; the agent has the whole output. */
const maxDetailLength = 4096;

/** Turns the output of an agent into events of whole paragraphs, and remembers its last message, usage and session. */
export class Transcript {
  readonly #emit: (event: AgentEvent) => void;
  readonly #tools = new Map<string, { title: string; isStarted: boolean }>();
  /** Text that is not yet emitted. */
  #open: { type: 'message' | 'thought'; id: string | undefined; text: string } | undefined;
  /** The message that is being written, and the last complete one. */
  #current = '';
  #last = '';
  #result: string | undefined;
  /** The answers to earlier prompts. */
  readonly earlier: string[] = [];
  usage: AgentUsage | undefined;
  /** The usage of earlier processes. */
  #usedBefore: AgentUsage | undefined;
  session: string | undefined;
  /** The agent's own report that it failed. */
  failure: string | undefined;
  /** Whether the agent has reported the end of its work. */
  isDone = false;
  readonly #onProgress: () => void;

  /** `onProgress` is called for everything but output, which may report that a request is repeated, and usage. */
  constructor(emit: (event: AgentEvent) => void, onProgress: () => void = () => {}) {
    this.#emit = emit;
    this.#onProgress = onProgress;
  }

  /** Whether a tool was announced and has not finished. */
  get isToolOpen(): boolean {
    return this.#tools.size > 0;
  }

  /** The final answer: the agent's own result, else its last message. */
  get answer(): string {
    return (this.#result ?? (this.#current.trim() || this.#last)).trim();
  }

  /** Begins another prompt, which has an answer of its own. */
  next(): void {
    this.#endMessage();
    this.earlier.push(this.answer);
    this.#result = undefined;
    this.#last = '';
    this.isDone = false;
  }

  /** Another process reports what it uses from zero. */
  restart(): void {
    this.#usedBefore = this.usage;
  }

  add(event: LineEvent): void {
    if (event.type !== 'output' && event.type !== 'usage') this.#onProgress();
    switch (event.type) {
      case 'piece':
        this.addPiece('message', event.text);
        return;
      case 'tool':
        this.#addTool(event);
        return;
      case 'session':
        this.session = event.id;
        return;
      case 'failure':
        this.failure = event.text;
        return;
      case 'result':
        this.isDone = true;
        if (event.message?.trim()) this.#result = event.message;
        if (event.usage !== undefined) this.#setUsage(event.usage);
        return;
      case 'usage':
        this.#setUsage(event.usage);
        return;
      case 'message':
        this.#endMessage();
        this.#current = event.text;
        this.#pass(event);
        return;
      case 'thought':
      case 'output':
      case 'plan':
        this.#endMessage();
        this.#pass(event);
        return;
    }
  }

  /** A piece of a text. Pieces with the same ID, or without one, belong together. */
  addPiece(type: 'message' | 'thought', text: string, id?: string): void {
    this.#onProgress();
    if (this.#open?.type !== type || this.#open.id !== id) this.#endMessage();
    this.#open ??= { type, id, text: '' };
    this.#open.text += text;
    if (type === 'message') this.#current += text;
    const end = text.includes('\n') ? this.#open.text.lastIndexOf('\n\n') : -1;
    if (end > 0) this.#emitOpen(end + 2);
    else if (this.#open.text.length > maxParagraphLength) this.#emitOpen(this.#open.text.length);
  }

  /** Emits what is left. */
  finish(): void {
    this.#emitOpen(Number.POSITIVE_INFINITY);
  }

  /** Announces a tool call. It is emitted when its title is final, at the latest when it ends. */
  startTool({ id, title }: { id: string; title?: string }, { isFinalTitle }: { isFinalTitle: boolean }): void {
    this.#onProgress();
    const isAnnounced = this.#tools.has(id);
    const tool = this.#tools.get(id) ?? { title: id, isStarted: false };
    if (title !== undefined) tool.title = title;
    this.#tools.set(id, tool);
    if (tool.isStarted || !(isFinalTitle || (isAnnounced && title !== undefined))) return;
    tool.isStarted = true;
    this.#endMessage();
    this.#emit({ type: 'tool', title: shorten(tool.title), status: 'started' });
  }

  #addTool({ id, title, status, detail }: LineEvent & { type: 'tool' }): void {
    this.startTool(title === undefined ? { id } : { id, title }, { isFinalTitle: true });
    if (status === 'started') return;
    const known = this.#tools.get(id)?.title ?? id;
    this.#tools.delete(id);
    const shown = detail?.trim() ? { detail: shorten(detail.trim()) } : {};
    this.#emit({ type: 'tool', title: shorten(known), status, ...shown });
  }

  #setUsage(usage: AgentUsage): void {
    this.usage = { ...this.usage, ...addUsage(this.#usedBefore, usage) };
    this.#emit({ type: 'usage', usage: this.usage });
  }

  #pass(event: AgentEvent): void {
    if (!('text' in event) || event.text.trim() !== '') this.#emit(event);
  }

  #endMessage(): void {
    this.#emitOpen(Number.POSITIVE_INFINITY);
    this.#open = undefined;
    if (this.#current.trim() !== '') this.#last = this.#current;
    this.#current = '';
  }

  #emitOpen(end: number): void {
    if (this.#open === undefined) return;
    const { type, text } = this.#open;
    this.#open.text = text.slice(end);
    this.#pass({ type, text: text.slice(0, end) });
  }
}

function addUsage(before: AgentUsage | undefined, usage: AgentUsage): AgentUsage {
  const names = Object.keys(usage) as (keyof AgentUsage)[];
  return Object.fromEntries(names.map((name) => [name, (before?.[name] ?? 0) + (usage[name] ?? 0)]));
}

/** The beginning and the end of a long text. */
function shorten(text: string): string {
  if (text.length <= maxDetailLength) return text;
  const half = maxDetailLength / 2;
  return `${text.slice(0, half)}\n… ${text.length - maxDetailLength} characters …\n${text.slice(-half)}`;
}
