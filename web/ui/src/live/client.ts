/** What a tab wants to be told of, as `GET /api/v1/live` takes it. */
export type Topic =
  | { subscribe: "overview" }
  | { subscribe: "stations"; identities: string[] }
  | { subscribe: "station"; identity: string }
  | { subscribe: "messages"; station?: string }
  | { subscribe: "events"; kinds?: string[]; station?: string; last?: string }
  | { subscribe: "alerts" };

export interface Item {
  id: string;
  kind: "row" | "gone" | "message" | "event" | "overview" | "lost" | "missing" | "error";
  data: unknown;
}

interface Batch {
  at: string;
  items: Item[];
}

/**
 * `off`: nobody listens; `connecting`: for the first time, or again; `live`; `blind`: what is shown is of `since`.
 */
export type LiveState =
  { status: "off" | "connecting" | "live" } | { status: "blind"; since: number; retryAt: number | null };

/** Told when the connection is there again, of the time in which nothing was heard: what was missed is asked for. */
type Regained = (since: number, until: number) => void;

type Listener = (item: Item) => void;

interface Subscription {
  topic: Topic;
  listener: Listener;
}

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;
/** Milliseconds without a word after which nobody is taken to be there: the gateway says something each 10 s. */
const SILENCE = 25_000;
/** Close codes: the token was withdrawn, or has another role; what shows that it is the page is not of this sign-in. */
const [WITHDRAWN, FORGED] = [4401, 4403];

/**
 * The one live connection of a tab: topics are subscribed to and left, it connects while there is some, connects again after a
 * loss, and pauses while the tab is in the background.
 */
export class LiveClient {
  private socket: WebSocket | null = null;
  private isOpen = false;
  private state: LiveState = { status: "off" };
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly watchers = new Set<() => void>();
  private readonly regained = new Set<Regained>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private wait = FIRST_WAIT;
  private next = 1;
  private isPaused = false;
  private lostAt: number | null = null;
  /** Whether anything was ever heard: what never is has another reason than a loss. */
  hasBeenLive = false;

  /** `hello` is the first message: what shows that it is of this page. `onWithdrawn`: ask who is signed in. */
  constructor(
    private readonly url: string,
    private readonly hello: () => object,
    private readonly onWithdrawn: () => void = () => undefined,
    private readonly jitter: () => number = Math.random,
  ) {}

  getState = (): LiveState => this.state;

  watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  onRegained(listener: Regained): () => void {
    this.regained.add(listener);
    return () => this.regained.delete(listener);
  }

  /** Be told of a topic, until what is returned is called. */
  subscribe(topic: Topic, listener: Listener): () => void {
    const id = `s${this.next++}`;
    this.subscriptions.set(id, { topic, listener });
    if (this.isOpen) this.send({ ...topic, id });
    else if (this.socket === null && this.timer === undefined) this.connect();
    return () => {
      this.subscriptions.delete(id);
      if (this.isOpen) this.send({ unsubscribe: id });
    };
  }

  /** Be sent nothing for a while, or again what is wanted: for a tab that nobody sees. */
  pause(isPaused: boolean): void {
    if (isPaused === this.isPaused) return;
    this.isPaused = isPaused;
    if (this.isOpen) this.send({ pause: isPaused });
    if (this.socket !== null) this.listen(this.socket);
  }

  /** Pause while a page is hidden, and connect when its machine is in a network again; until what is returned is called. */
  attend(page: EventTarget & { hidden: boolean }, machine: EventTarget): () => void {
    const seen = () => this.pause(page.hidden);
    seen();
    page.addEventListener("visibilitychange", seen);
    machine.addEventListener("online", this.retry);
    return () => {
      page.removeEventListener("visibilitychange", seen);
      machine.removeEventListener("online", this.retry);
    };
  }

  /** Connect now, rather than when the wait is over. */
  retry = (): void => {
    if (this.socket !== null) return;
    clearTimeout(this.timer);
    this.connect();
  };

  /** End the connection, and all subscriptions: nobody is signed in any more. */
  close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.subscriptions.clear();
    this.leave();
    this.lostAt = null;
    this.set({ status: "off" });
  }

  private connect(): void {
    this.timer = undefined;
    const socket = new WebSocket(this.url);
    this.socket = socket;
    if (this.lostAt === null) this.set({ status: "connecting" });
    else this.set({ status: "blind", since: this.lostAt, retryAt: null });
    socket.onopen = () => this.opened(socket);
    socket.onmessage = (event: MessageEvent<string>) => {
      if (socket === this.socket) this.received(socket, JSON.parse(event.data) as Batch);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.closed(event.code); // else it was ended here
    };
    this.listen(socket);
  }

  /** Take the far end for gone if it says nothing for long: a network may be lost, or a gateway stand, without a word. */
  private listen(socket: WebSocket): void {
    clearTimeout(this.silence);
    if (this.isPaused && this.isOpen) return; // in the background it is told nothing
    this.silence = setTimeout(() => {
      if (socket === this.socket) this.closed(0);
    }, SILENCE);
  }

  private leave(): void {
    clearTimeout(this.silence);
    const socket = this.socket;
    this.socket = null;
    this.isOpen = false;
    socket?.close();
  }

  private opened(socket: WebSocket): void {
    if (socket !== this.socket) return;
    this.isOpen = true;
    this.send(this.hello());
    if (this.isPaused) this.send({ pause: true });
    for (const [id, { topic }] of this.subscriptions) this.send({ ...topic, id });
    this.listen(socket);
  }

  private received(socket: WebSocket, batch: Batch): void {
    this.listen(socket);
    if (this.state.status !== "live") this.welcomed();
    for (const item of batch.items) this.subscriptions.get(item.id)?.listener(item);
  }

  /** The first message: whoever is refused hears none. */
  private welcomed(): void {
    this.wait = FIRST_WAIT;
    this.hasBeenLive = true;
    const lostAt = this.lostAt;
    this.lostAt = null;
    this.set({ status: "live" });
    if (lostAt !== null) for (const listener of this.regained) listener(lostAt, Date.now());
  }

  private closed(code: number): void {
    this.leave();
    if (code === WITHDRAWN || code === FORGED) this.onWithdrawn();
    this.lostAt ??= Date.now();
    const wait = this.wait * (0.75 + this.jitter() / 2);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    this.timer = setTimeout(() => this.connect(), wait);
    this.set({ status: "blind", since: this.lostAt, retryAt: Date.now() + wait });
  }

  private send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private set(state: LiveState): void {
    this.state = state;
    for (const watcher of this.watchers) watcher();
  }
}
