/** The state of the fake in its folder: services, a registry, images and containers. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

export interface FakeImage {
  /** Maps a path inside the image to the program on this machine that replaces it. */
  programs: Record<string, string>;
  /** How long a pull takes. */
  pullMs?: number;
}

export interface FakeContainer {
  id: string;
  image: string;
  /** The program on this machine, and its arguments. */
  command: string[];
  labels: Record<string, string>;
  cpus: number;
  memoryInBytes: number;
  state: 'stopped' | 'running';
  /** ID of the process group. */
  pid?: number;
  startedDate?: string;
}

export class FakeState {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** Creates its folders. */
  static create(dir: string): FakeState {
    for (const name of ['registry', 'images', 'containers', 'tmp', 'bin'])
      mkdirSync(join(dir, name), { recursive: true });
    return new FakeState(dir);
  }

  /** Whether a flag is set: `services` are running, a `kernel` is installed. */
  has(name: 'services' | 'kernel'): boolean {
    return existsSync(join(this.dir, name));
  }

  set(name: 'services' | 'kernel', on: boolean): void {
    if (on) writeFileSync(join(this.dir, name), '');
    else rmSync(join(this.dir, name), { force: true });
  }

  noteCall(argv: readonly string[]): void {
    appendFileSync(join(this.dir, 'calls'), `${argv.join(' ')}\n`);
  }

  /** Every command line so far, oldest first. */
  calls(): string[] {
    return readFileSync(join(this.dir, 'calls'), 'utf8').trim().split('\n');
  }

  readImage(place: 'registry' | 'images', reference: string): FakeImage | undefined {
    return this.#read(place, reference);
  }

  writeImage(place: 'registry' | 'images', reference: string, image: FakeImage): void {
    this.#write(place, reference, image);
  }

  readContainer(id: string): FakeContainer | undefined {
    return this.#read('containers', id);
  }

  writeContainer(container: FakeContainer): void {
    this.#write('containers', container.id, container);
  }

  removeContainer(id: string): void {
    rmSync(this.#path('containers', id), { force: true });
  }

  containers(): FakeContainer[] {
    const names = readdirSync(join(this.dir, 'containers')).filter((name) => name.endsWith('.json'));
    return names.flatMap((name) => this.readContainer(decodeURIComponent(name.slice(0, -5))) ?? []);
  }

  #path(folder: string, name: string): string {
    return join(this.dir, folder, `${encodeURIComponent(name)}.json`);
  }

  #read(folder: string, name: string) {
    try {
      return JSON.parse(readFileSync(this.#path(folder, name), 'utf8'));
    } catch {
      return undefined;
    }
  }

  #write(folder: string, name: string, value: object): void {
    const path = this.#path(folder, name);
    writeFileSync(`${path}.${process.pid}`, JSON.stringify(value));
    renameSync(`${path}.${process.pid}`, path);
  }
}
