import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drive } from '../../../test/support/screen-state.ts';

describe('the start', () => {
  it('without a file has the default URL, or the one that was given', () => {
    assert.equal(drive().state.draft.runner.url, 'https://api.dev.plan42.ai');
    assert.equal(drive(undefined, 'http://127.0.0.1:7042').state.draft.runner.url, 'http://127.0.0.1:7042');
  });

  it('with a file has its values, whatever else is wrong with it', () => {
    const { draft } = drive('[runner]\nurl = 7\ntoken = "t"\nruntime = "dokcer"\n[jobs]\ncpus = "x"\n').state;
    assert.deepEqual(draft.runner, { url: 'https://api.dev.plan42.ai', token: 't', runtime: undefined });
  });
});
