// A small app: what a page needs of the PocketBase SDK and of livekit-client to
// be host, viewer, speaker or one of a call. The tests drive it from outside.
/* global PocketBase, LivekitClient */
const { Room, RoomEvent, Track, DisconnectReason } = LivekitClient;

class App {
  constructor(server) {
    this.pb = new PocketBase(server).autoCancellation(false);
    this.room = null;
    this.ended = ''; // why the room was left
    this.role = '';
    this.seen = []; // realtime events
  }

  // Server -------------------------------------------------------------------

  async signUp(username, languages) {
    const email = `${username}@lingualink.test`;
    const password = 'correct horse battery';
    await this.pb.collection('users').create({ username, email, languages, password, passwordConfirm: password });
    await this.pb.collection('users').authWithPassword(email, password);
    document.querySelector('#who').textContent = username;
    return this.pb.authStore.record.id;
  }

  /** Sends to a route and gives the data of its envelope. */
  async send(path, body = {}, method = 'POST') {
    const answer = await this.pb.send(`/api/lingualink/${path}`, method === 'GET' ? { method } : { method, body });
    this.log(`${method} ${path}`);
    return answer.data;
  }

  /** Like send, for what must be refused: the code. */
  async refusal(path, body = {}) {
    try {
      await this.send(path, body);
    } catch (problem) {
      return Object.values(problem.response.data ?? {})[0]?.code ?? String(problem.status);
    }
    return '';
  }

  /** Watches a collection; events are in seen. */
  async watch(collection, topic = '*') {
    await this.pb.collection(collection).subscribe(topic, ({ action, record }) => {
      this.seen.push({ collection, action, record });
      this.log(`${collection} ${action} ${record.status ?? record.state ?? ''}`);
    });
    return true;
  }

  // Media server -------------------------------------------------------------

  /** Asks a route for a token and goes into the room. */
  async join(path, body = {}) {
    const { url, token } = await this.send(path, body);
    const room = new Room({ adaptiveStream: false, dynacast: false });
    this.room = room;
    this.ended = '';
    room
      .on(RoomEvent.TrackSubscribed, (track, _, person) => this.show(track, person.name || person.identity))
      .on(RoomEvent.TrackUnsubscribed, (track) => this.hide(track))
      .on(RoomEvent.LocalTrackPublished, (publication) => this.show(publication.track, 'me'))
      .on(RoomEvent.LocalTrackUnpublished, (publication) => this.hide(publication.track))
      .on(RoomEvent.ParticipantPermissionsChanged, (_, person) => {
        if (person === room.localParticipant) this.log(person.permissions.canPublish ? 'may speak' : 'may not speak');
      })
      .on(RoomEvent.Disconnected, (reason) => {
        this.ended = DisconnectReason[reason] ?? 'UNKNOWN';
        document.querySelector('#stage').replaceChildren();
        this.log(`out: ${this.ended}`);
        this.status('out');
      });
    await room.connect(url, token);
    this.status('in the room');
    return room.localParticipant.identity;
  }

  async publish({ camera = true } = {}) {
    await this.room.localParticipant.setMicrophoneEnabled(true);
    if (camera) {
      await this.room.localParticipant.setCameraEnabled(true, { resolution: { width: 320, height: 240, frameRate: 15 } }, { simulcast: false });
    }
    return this.room.localParticipant.trackPublications.size;
  }

  /** Tries to publish; gives why it was refused, empty if it was not. */
  async tryPublish() {
    try {
      await this.publish({ camera: false });
    } catch (problem) {
      this.log(`refused: ${problem.message}`);
      return problem.message || problem.name;
    }
    return '';
  }

  maySpeak() {
    return this.room.localParticipant.permissions?.canPublish ?? false;
  }

  publishing() {
    return [...this.room.localParticipant.trackPublications.values()].map((publication) => publication.source);
  }

  /** Bytes of media by kind: those sent by oneself, or those that came from somebody. */
  async bytes(person) {
    const sum = { audio: 0, video: 0, frames: 0 };
    const from = person ? this.room.remoteParticipants.get(person) : this.room.localParticipant;
    for (const { track } of from?.trackPublications.values() ?? []) {
      const report = await track?.getRTCStatsReport();
      for (const stat of report?.values() ?? []) {
        if (stat.type === (person ? 'inbound-rtp' : 'outbound-rtp')) {
          sum[stat.kind] += person ? stat.bytesReceived : stat.bytesSent;
          sum.frames += stat.framesDecoded ?? 0;
        }
      }
    }
    return sum;
  }

  async leave() {
    await this.room.disconnect();
    return true;
  }

  // Page ---------------------------------------------------------------------

  show(track, person) {
    const element = track.attach();
    if (track.kind !== Track.Kind.Video) return;
    element.muted = true;
    const figure = document.createElement('figure');
    const caption = document.createElement('figcaption');
    caption.textContent = person;
    figure.append(element, caption);
    document.querySelector('#stage').append(figure);
  }

  hide(track) {
    for (const element of track?.detach() ?? []) element.closest('figure')?.remove();
  }

  status(text) {
    document.querySelector('#status').textContent = text;
  }

  log(line) {
    const item = document.createElement('li');
    item.textContent = line;
    document.querySelector('#log').append(item);
  }
}

window.app = new App(new URLSearchParams(location.search).get('server'));
