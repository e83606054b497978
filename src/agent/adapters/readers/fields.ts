/** Tolerant access to the JSON of an agent, whose fields differ between its versions. */
export type Fields = Readonly<Record<string, unknown>>;

/** The field as an object; empty if it is none. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}

/** The text; of anything else, its JSON. Empty if it is missing. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}

export function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

/** One line about a tool call: the command or the file, else the name and all arguments. */
export function toolTitle(name: unknown, args: unknown): string {
  const fields = fieldsOf(args);
  const command = textOf(fields['command'] ?? fields['cmd']);
  if (command !== '') return command;
  const path = textOf(fields['file_path'] ?? fields['filePath'] ?? fields['path']);
  return `${textOf(name)} ${path || textOf(args)}`.trim();
}
