/** The page of a pull request. */
import MarkdownIt from 'markdown-it';
import type { PullRequest } from '../../test/support/github/state.ts';

// HTML stays text.
const markdown = new MarkdownIt({ html: false, linkify: true });

export interface PullRequestPage {
  repository: string;
  pullRequest: PullRequest;
  /** A line each. */
  commits: string;
  diff: string;
}

export function renderPullRequest({ repository, pullRequest, commits, diff }: PullRequestPage): string {
  const { number, title = '', body = '', head = '', base = '', reviewThreads, comments } = pullRequest;
  const threads = [...reviewThreads.map((thread) => thread.comments), ...(comments.length > 0 ? [comments] : [])];
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8884; border-radius: .4rem; font-size: .85rem }
ins { text-decoration: none; background: #2da44e33 } del { text-decoration: none; background: #cf222e33 }
.comment { border: 1px solid #8884; border-radius: .4rem; padding: 0 1rem; margin: 1rem 0 }
</style>
<p>${escapeHtml(repository)}, at the GitHub of the demo</p>
<h1>${escapeHtml(title)} #${number}</h1>
<p><b>Open</b>: <code>${escapeHtml(head)}</code> into <code>${escapeHtml(base)}</code></p>
<div class="comment">${markdown.render(withoutMarkup(body))}</div>
${threads.map(renderThread).join('\n')}
<h2>Commits</h2>
<pre>${escapeHtml(commits)}</pre>
<h2>Changes</h2>
<pre>${diff.split('\n').map(renderLine).join('\n')}</pre>
</html>
`;
}

function renderThread(comments: PullRequest['comments']): string {
  const [first] = comments;
  const place = first?.path === undefined ? '' : `<p><code>${escapeHtml(first.path)}:${first.startLine}</code></p>`;
  const texts = comments.map(
    ({ author, body }) => `<p><b>${escapeHtml(author?.login ?? '')}</b></p>${markdown.render(withoutMarkup(body))}`,
  );
  return `<div class="comment">${place}${texts.join('<hr>')}</div>`;
}

function renderLine(line: string): string {
  if (/^\+(?!\+\+)/.test(line)) return `<ins>${escapeHtml(line)}</ins>`;
  return /^-(?!--)/.test(line) ? `<del>${escapeHtml(line)}</del>` : escapeHtml(line);
}

/** GitHub does not show comments, and folds details. */
export function withoutMarkup(text: string): string {
  return text
    .replaceAll(/<!--[\s\S]*?-->/g, '')
    .replaceAll(/<details>[\s\S]*?<\/details>/g, '')
    .trim();
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
