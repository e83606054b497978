/** The agent's answer: a summary, and a reply to each comment. */
export interface Answer {
  summary: string;
  /** By the number of the comment in the prompt. */
  replies: Map<number, string>;
}

const heading = /^#{1,6} +Reply (\d{1,6})\b[^\n]*$/gm;

/** Takes the replies, which the prompt asks for under the headings `### Reply N`, out of the agent's answer. */
export function parseAnswer(message: string): Answer {
  const headings = [...message.matchAll(heading)];
  const replies = new Map<number, string>();
  for (const [index, { 0: text, 1: number, index: at }] of headings.entries()) {
    const reply = message.slice(at + text.length, headings[index + 1]?.index).trim();
    if (reply !== '') replies.set(Number(number), reply);
  }
  return { summary: message.slice(0, headings[0]?.index).trim(), replies };
}
