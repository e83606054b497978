/** Images whose tag moves to another image, on each runtime with containers. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { startTask, untilOver } from '../tasks.ts';
import { type ContainerRuntime, type JobSetting, pushCopy, setUpJobs } from './job-setting.ts';

const patienceMs = 120_000;

export function testMovingTag(name: ContainerRuntime): void {
  suite(name, { concurrency: false }, () => {
    test('"always" uses the newest image of a tag, "if-not-present" the one that is there', async (t) => {
      const tag = `moving-on-${name}`;
      const image = await pushCopy(t, tag);
      if (image === undefined) return;
      const messageOf = async ({ plane }: JobSetting) =>
        (await untilOver(plane, await startTask(plane, image), patienceMs)).turn.ErrorMessage;
      {
        await using setting = await setUpJobs(t, name, '[images]\npull_policy = "if-not-present"\n');
        if (!setting.plane) return;
        assert.match(await messageOf(setting), /exit code 0/);
        // That one cannot be started.
        await pushCopy(t, tag, 'noEntrypoint');
        assert.match(await messageOf(setting), /exit code 0/);
      }
      await using setting = await setUpJobs(t, name, '[images]\npull_policy = "always"\n');
      if (!setting.plane) return;
      assert.match(await messageOf(setting), /could not be started: .*agent-wrapper/is);
    });
  });
}
