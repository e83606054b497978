import type { ContentBlock, SessionUpdate, ToolCallContent, ToolCallUpdate } from '@agentclientprotocol/sdk';
import type { Transcript } from './transcript.ts';

/** Adds what an agent reports by the Agent Client Protocol. */
export function addUpdate(update: SessionUpdate, transcript: Transcript): void {
  switch (update.sessionUpdate) {
    case 'agent_message_chunk':
      transcript.addPiece('message', textOf(update.content), update.messageId ?? undefined);
      return;
    case 'agent_thought_chunk':
      transcript.addPiece('thought', textOf(update.content), update.messageId ?? undefined);
      return;
    case 'tool_call':
    case 'tool_call_update':
      addTool(update, transcript);
      return;
    case 'plan': {
      const entries = update.entries.map(({ content, status }) => ({ title: content, status }));
      transcript.add({ type: 'plan', entries });
      return;
    }
    case 'usage_update':
      if (update.cost?.currency === 'USD') {
        transcript.add({ type: 'usage', usage: { costUsd: update.cost.amount } });
      }
      return;
    case 'notice':
      transcript.add({ type: 'output', text: [update.title, update.description ?? ''].join(' ').trim() });
      return;
    // These are for the input field and the history of an editor.
    case 'user_message_chunk':
    case 'available_commands_update':
    case 'current_mode_update':
    case 'config_option_update':
    case 'session_info_update':
    case 'compaction_update':
    case 'compaction_summary_chunk':
      return;
  }
}

function addTool({ toolCallId: id, status, title, content, rawOutput }: ToolCallUpdate, transcript: Transcript): void {
  const named = title ? { id, title } : { id };
  if (status === 'completed' || status === 'failed') {
    const detail = (content ?? []).map(detailOf).filter(Boolean).join('\n') || outputText(rawOutput);
    transcript.add({ type: 'tool', ...named, status: status === 'failed' ? 'failed' : 'done', detail });
    return;
  }
  // An announced call gets its title, such as the command, later.
  transcript.startTool(named, { isFinalTitle: status === 'in_progress' });
}

function detailOf(content: ToolCallContent): string {
  if (content.type === 'diff') return `edited ${content.path}`;
  if (content.type !== 'content') return '';
  // Some agents quote the output of commands as Markdown.
  return textOf(content.content).replace(/^```\w*\n([\s\S]*?)\n```$/, '$1');
}

function outputText(output: unknown): string {
  return typeof output === 'string' ? output : '';
}

function textOf(content: ContentBlock): string {
  return content.type === 'text' ? content.text : `[${content.type}]`;
}
