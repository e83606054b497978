/**
 * A lint rule: regular expressions take time in proportion to the length of the text, whatever the text is. Others let a
 * text that another party chose stop the program for minutes. The analysis knows literals only; a pattern that is composed
 * needs a comment that says why it is linear.
 */
import { analyse } from 'scslre';

interface Context {
  report(problem: { node: unknown; message: string }): void;
}
interface Literal {
  regex?: { pattern: string; flags: string };
}
interface NewExpression {
  callee: { type: string; name?: string };
}

const linearRegex = {
  create: (context: Context) => ({
    Literal(node: Literal) {
      if (node.regex === undefined) return;
      const { pattern: source, flags } = node.regex;
      if (isRetried(source, flags)) context.report({ node, message: 'Anchor this regular expression, or avoid `.*`.' });
      for (const report of analyse({ source, flags }).reports) {
        const time = report.exponential ? 'exponential' : 'quadratic';
        const message = `${time} for repeated ${JSON.stringify(report.character.pick)}. Anchor it, or scan by hand.`;
        context.report({ node, message: `This regular expression takes ${message}` });
      }
    },
    NewExpression(node: NewExpression) {
      if (node.callee.name !== 'RegExp') return;
      context.report({ node, message: 'Say why this composed regular expression takes linear time.' });
    },
  }),
};

// `a.*b` looks for its end from every `a`, which the analysis does not see. A lazy `.*?` up to the end of the text always ends.
function isRetried(source: string, flags: string): boolean {
  return !/^(?:\^|\(\?:\^)/.test(source) && !flags.includes('y') && /\.[*+](?![?)$]|$)/.test(source);
}

export default { meta: { name: 'plan42' }, rules: { 'linear-regex': linearRegex } };
