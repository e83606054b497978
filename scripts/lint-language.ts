/**
 * Checks the language of source and docs (marker words, log lines, wrapped prose, short decisions), who reads the
 * machine's clocks, how files are read, and what services load late. Argument: the folder.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findClockReads } from './lint/clock-reads.ts';
import { findFileReads } from './lint/file-reads.ts';
import { findLateImports } from './lint/late-imports.ts';
import { findLogLines } from './lint/log-lines.ts';
import { findLongDecision, findLongProse } from './lint/markdown.ts';
import { findMarkerWords } from './lint/marker-words.ts';

const places = ['src', 'test', 'scripts', 'docs', '*.md', 'bench', 'fuzz', 'examples', 'packaging'];
const checks = [
  findClockReads,
  findFileReads,
  findLateImports,
  findMarkerWords,
  findLogLines,
  findLongProse,
  findLongDecision,
];

const root = process.argv[2] ?? join(import.meta.dirname, '..');
const files = globSync(
  places.flatMap((place) => [place, `${place}/**`]),
  { cwd: root, withFileTypes: true },
)
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(join(root, '/').length))
  .toSorted();

const counts = new Map<string, number>();
for (const file of files) {
  const source = readFileSync(join(root, file), 'utf8');
  if (source.includes('\0')) continue;
  for (const { line, found, remedy } of checks.flatMap((check) => check(file, source))) {
    console.log(`${file}:${line}: ${found}: write: ${remedy}`);
    const folder = file.split('/', file.startsWith('src/') ? 2 : 1).join('/');
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
}
for (const [folder, count] of counts) console.log(`${String(count).padStart(5)} ${folder}`);
if (counts.size > 0) process.exitCode = 1;
