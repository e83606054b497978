/** The pod template of the configuration: read for each job, so that a changed file counts for the next one. */
import type { V1Job } from '@kubernetes/client-node';
import { formatError, UserError } from '../../lib/errors.ts';
import { readText } from '../../lib/read-file.ts';
import { parseYaml } from './api/kubeconfig.ts';
import { mergeTemplate } from './manifest/merge-template.ts';
import { findOpenings, type Opening } from './manifest/openings.ts';

export interface PodTemplate {
  file: string;
  content: unknown;
}

/** @throws UserError */
export async function readTemplate(file: string | undefined): Promise<PodTemplate | undefined> {
  if (file === undefined) return undefined;
  try {
    return { file, content: await parseYaml(await readText(file)) };
  } catch (error) {
    throw new UserError(`cannot read kubernetes.pod_template ${file}: ${describe(error)}`, {
      remedy: 'Correct the file, or kubernetes.pod_template.',
    });
  }
}

// The parser quotes lines, which can contain secrets.
function describe(error: unknown): string {
  if (!(error instanceof Error) || error.name !== 'YAMLException') return formatError(error);
  const { mark } = error as { mark?: { line?: number } };
  return mark?.line === undefined ? 'it is not YAML' : `it is not YAML (line ${mark.line + 1})`;
}

/** Merges the template into the Job. Returns what it opens. @throws UserError if it cannot be used */
export function applyTemplate(job: V1Job, template: PodTemplate | undefined): Opening[] {
  const { spec } = job;
  if (spec === undefined || template === undefined) return [];
  const ours = spec.template;
  spec.template = mergeTemplate(ours, template.content, template.file);
  return findOpenings(spec.template, ours, template.content);
}
