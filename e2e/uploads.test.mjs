// Recordings in every format that phones and browsers make, by the SDK and as a
// raw body, and everything that must be refused without a trace.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  admin, checkError, fetched, file, joinSpeaker, languageID, newID, refused, samples, spooled, storedMedia, upload,
  url, voice,
} from './kit.mjs';

const speaker = await joinSpeaker('speaker.uploads', 'sw', 'en', 'fr', 'om', 'am', 'af');
const superuser = await admin();

for (const sample of samples.good) {
  test(`${sample.kind} ${sample.file} is accepted and measured`, async () => {
    const clip = await upload(speaker, file(sample.file), sample.language, { kind: sample.kind, phrase: 'as heard' });
    assert.equal(clip.status, 'pending');
    assert.equal(clip.hidden, false);
    assert.equal(clip.owner, speaker.id);
    assert.equal(clip.container, sample.container);
    assert.equal(clip.codec, sample.codec);
    assert.ok(clip.duration_ms > 1000 && clip.duration_ms < 15_000, `${clip.duration_ms} ms`);
    assert.ok(clip.sample_rate_hz >= 8000, `${clip.sample_rate_hz} Hz`);
    assert.ok(['good', 'quiet'].includes(clip.quality), `quality ${clip.quality}`);
    assert.equal(clip.size_bytes, file(sample.file).size);
    for (const secret of ['campaign', 'media_sha256']) assert.ok(!(secret in clip), secret);

    const token = await speaker.pb.files.getToken();
    const answer = await fetched(speaker.pb.files.getURL(clip, clip.media, { token }));
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('cache-control'), 'private, no-store');
    assert.deepEqual(answer.bytes, Buffer.from(await file(sample.file).arrayBuffer()));
  });
}

test('a raw body does what a form does', async () => {
  const id = newID();
  const send = () => fetched(`${url}/api/lingualink/clips?kind=voice&language=sw&phrase=salamu&id=${id}`, {
    method: 'POST', headers: { Authorization: speaker.pb.authStore.token }, body: voice(2),
  });
  const answer = await send();
  const body = answer.json();
  assert.equal(answer.status, 200, JSON.stringify(body));
  assert.equal(body.success, true);
  assert.equal(body.data.id, id);
  assert.equal(body.data.language, await languageID('sw'));
  assert.equal(body.data.phrase, 'salamu');
  assert.equal((await speaker.pb.collection('clips').getOne(id)).container, 'wav');

  const again = await send();
  assert.equal(again.status, 200);
  assert.equal(again.json().data.id, id);

  const anonymous = await fetched(`${url}/api/lingualink/clips?kind=voice&language=sw`, { method: 'POST', body: voice(2) });
  checkError(anonymous.status, anonymous.json(), 401, 'sign_in_required');
});

for (const sample of samples.bad) {
  test(`${sample.file} as ${sample.kind} is refused as ${sample.code}, without a trace`, async () => {
    const before = storedMedia();
    const clips = await superuser.collection('clips').getList(1, 1);
    const item = await refused(
      upload(speaker, file(sample.file), sample.language, { kind: sample.kind }), 400, sample.code, 'media');
    if (sample.code === 'too_short') assert.equal(item.params.min_ms, 1000);
    if (sample.code === 'too_long') assert.equal(item.params.max_ms, 60_000);

    const raw = await fetched(`${url}/api/lingualink/clips?kind=${sample.kind}&language=${sample.language}`, {
      method: 'POST', headers: { Authorization: speaker.pb.authStore.token }, body: file(sample.file),
    });
    checkError(raw.status, raw.json(), 400, sample.code, 'media');

    assert.equal((await superuser.collection('clips').getList(1, 1)).totalItems, clips.totalItems);
    assert.deepEqual(storedMedia(), before);
    assert.deepEqual(spooled(), []);
  });
}

test('a repeated upload is recognised, everything else under its id refused', async () => {
  const id = newID();
  const first = await upload(speaker, voice(3), 'sw', { id, phrase: 'habari' });
  const stored = storedMedia();
  const second = await upload(speaker, voice(3), 'sw', { id, phrase: 'habari' });
  assert.deepEqual(second, first);
  assert.deepEqual(storedMedia(), stored);
  await refused(upload(speaker, voice(4), 'sw', { id, phrase: 'habari' }), 409, 'id_conflict', 'id');
  await refused(upload(speaker, voice(3), 'sw', { id, phrase: 'mambo' }), 409, 'id_conflict', 'id');
});

test('the same bytes are taken once, whoever sends them', async () => {
  const clip = await upload(speaker, voice(5), 'sw');
  const own = await refused(upload(speaker, voice(5), 'sw'), 409, 'duplicate_media', 'media');
  assert.equal(own.params.clip, clip.id);
  const other = await joinSpeaker('other.uploads', 'sw');
  const foreign = await refused(upload(other, voice(5), 'sw'), 409, 'duplicate_media', 'media');
  assert.ok(!foreign.params?.clip, 'another person\'s clip is not named');
});

test('two uploads of the same bytes at the same moment give one clip', async () => {
  const outcomes = await Promise.allSettled([6, 6, 6, 6].map((number) => upload(speaker, voice(number), 'sw')));
  const accepted = outcomes.filter((outcome) => outcome.status === 'fulfilled');
  assert.equal(accepted.length, 1);
  for (const outcome of outcomes.filter((other) => other.status === 'rejected')) {
    await refused(Promise.reject(outcome.reason), 409, 'duplicate_media', 'media');
  }
});

test('what surrounds the recording is checked too', async () => {
  const [yoruba] = (await speaker.pb.collection('prompts').getList(1, 1, { filter: 'language.code = "yo"' })).items;
  assert.ok(yoruba, 'a prompt in Yoruba');
  await refused(upload(speaker, voice(7), 'sw', { prompt: yoruba.id }), 400, 'prompt_mismatch', 'prompt');
  await refused(upload(speaker, voice(7), 'sw', { parent: newID() }), 400, 'parent_invalid', 'parent');
  await refused(upload(speaker, voice(7), 'sw', { kind: 'hologram' }), 400, 'invalid_input', 'kind');
  await refused(upload(speaker, voice(7), 'sw', { status: 'approved' }), 400, 'server_field', 'status');
  await refused(upload(speaker, voice(7), 'sw', { duration_ms: 60_000 }), 400, 'server_field', 'duration_ms');
  await refused(speaker.pb.collection('clips').create({ kind: 'voice', language: newID(), media: voice(7) }),
    400, 'language_unavailable', 'language');
  await refused(speaker.pb.collection('clips').create({ kind: 'voice', language: await languageID('sw') }),
    400, 'invalid_input', 'media');
  const withPrompt = await upload(speaker, voice(7), 'yo', { prompt: yoruba.id });
  assert.equal(withPrompt.phrase, yoruba.text);
});
