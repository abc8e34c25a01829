// A session with @northflank/js-client: prints one JSON object per step; exits non-zero on failure.
import { ApiClient, ApiClientInMemoryContextProvider } from '@northflank/js-client';

const [host, token, projectId] = process.argv.slice(2);
const provider = new ApiClientInMemoryContextProvider();
await provider.addContext({ name: 'emulator', host, token });
const client = new ApiClient(provider, { throwErrorOnHttpErrorCode: true });
const say = (step, value) => console.log(JSON.stringify({ step, value }));
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const job = (name, customCommand) => ({
  name,
  billing: { deploymentPlan: 'nf-compute-20' },
  deployment: {
    external: { imagePath: 'example/image:1' },
    docker: { configType: 'customCommand', customCommand },
  },
  settings: { backoffLimit: 0 },
});
const concluded = async (jobId, runId) => {
  for (;;) {
    const { data } = await client.get.job.run({ parameters: { projectId, jobId, runId } });
    if (data.concluded) return data;
    await pause(100);
  }
};

const created = await client.create.job({ parameters: { projectId }, data: job('js job', 'sh -c "echo $GREETING; echo oops >&2"') });
say('create', created.data.id);
const jobId = created.data.id;
const updated = await client.put.job({
  parameters: { projectId },
  data: { ...job('js job', 'sh -c "echo $GREETING; echo oops >&2"'), description: 'updated' },
});
say('put', updated.data.description);
const patched = await client.patch.job({ parameters: { projectId, jobId }, data: { description: 'patched' } });
say('patch', patched.data.description);
const run = await client.start.job.run({
  parameters: { projectId, jobId },
  data: { runtimeEnvironment: { GREETING: 'hello from js' } },
});
const end = await concluded(jobId, run.data.id);
say('run', end.status);
const range = await client.logs.getJobLogs({
  parameters: { projectId, jobId },
  options: { runId: run.data.id, direction: 'forward', lineLimit: 10, types: ['runtime'] },
});
say('logs', range.data.map((line) => line.log).sort());
const containers = await client.get.job.containers({ parameters: { projectId, jobId }, options: { runId: run.data.id } });
say('containers', containers.data.containers.map((it) => it.status));

const slow = await client.put.job({
  parameters: { projectId },
  data: job('js slow', `sh -c "i=0; while true; do echo tick $i; i=$((i+1)); sleep 0.2; done"`),
});
const endless = await client.start.job.run({ parameters: { projectId, jobId: slow.data.id }, data: {} });
const tail = await client.logs.tailJobLogs({ parameters: { projectId, jobId: slow.data.id }, options: { runId: endless.data.id } });
const ticks = await new Promise((done, failed) => {
  const seen = [];
  tail.on('logs-received', (lines) => {
    seen.push(...lines.map((line) => line.log));
    if (seen.length >= 3) done(seen);
  });
  tail.on('error', failed);
  tail.start().catch(failed);
});
say('tail', ticks.slice(0, 3));
await tail.stop();
await client.abort.job.run({ parameters: { projectId, jobId: slow.data.id, runId: endless.data.id } });
say('abort', (await concluded(slow.data.id, endless.data.id)).status);

const secret = await client.create.secret({
  parameters: { projectId },
  data: {
    name: 'js group',
    secretType: 'environment',
    priority: 10,
    restrictions: { restricted: true, nfObjects: [{ id: jobId, type: 'job' }] },
    secrets: { variables: { GREETING: 'hello from the group' } },
  },
});
say('secret', secret.data.id);
const again = await client.start.job.run({ parameters: { projectId, jobId }, data: {} });
await concluded(jobId, again.data.id);
const inherited = await client.logs.getJobLogs({
  parameters: { projectId, jobId },
  options: { runId: again.data.id, direction: 'forward', textIncludes: 'hello' },
});
say('inherited', inherited.data.map((line) => line.log));

const all = await client.list.jobs.all({ parameters: { projectId }, options: { per_page: 100 } });
say('pages', all.data.jobs.length);
const runs = await client.get.job.runs.all({ parameters: { projectId, jobId } });
say('runs', runs.data.runs.length);

const told = async (call) => {
  try {
    await call();
    return 'no error';
  } catch (error) {
    return error.status;
  }
};
say('missing', await told(() => client.get.job({ parameters: { projectId, jobId: 'no-such-job' } })));
say('invalid', await told(() => client.create.job({ parameters: { projectId }, data: { name: '1x' } })));
say('taken', await told(() => client.create.job({ parameters: { projectId }, data: job('js job', 'true') })));
await client.delete.secret({ parameters: { projectId, secretId: secret.data.id } });
await client.delete.job({ parameters: { projectId, jobId } });
await client.delete.job({ parameters: { projectId, jobId: slow.data.id } });
say('deleted', await told(() => client.get.job({ parameters: { projectId, jobId } })));
process.exit(0);
