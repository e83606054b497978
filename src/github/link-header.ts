/** The `Link` header (RFC 8288). */

// A URL in angle brackets and parameters.
const link = /<[^<>]*>((?:\s*;\s*[^\s=;,"<>]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"<>]+))?)*)/g;
const parameter = /;\s*([^\s=;,"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+))/g;

/** Whether one of the links has this relation. */
export function hasLink(header: string, relation: string): boolean {
  return [...header.matchAll(link)].some(([, parameters = '']) => {
    // Only the first `rel` counts (RFC 8288, §3.3).
    const found = [...parameters.matchAll(parameter)].find(([, name]) => name?.toLowerCase() === 'rel');
    const [, , quoted, bare] = found ?? [];
    return (quoted ?? bare ?? '').toLowerCase().split(/\s+/).includes(relation);
  });
}
