import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { type Item, LiveClient } from "./client";

/** The far end of a connection, as a test plays it. */
class Socket {
  static readonly OPEN = 1;
  static all: Socket[] = [];
  readyState = Socket.OPEN;
  onopen?: () => void;
  onmessage?: (event: { data: string }) => void;
  onclose?: (event: { code: number }) => void;
  sent: unknown[] = [];

  constructor(readonly url: string) {
    Socket.all.push(this);
  }

  static get newest(): Socket {
    const socket = Socket.all.at(-1);
    if (socket === undefined) throw new Error("nobody has connected");
    return socket;
  }

  send(text: string) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.onclose?.({ code: 1000 });
  }

  /** Take who is there in, and say so. */
  welcome() {
    this.onopen?.();
    this.tell();
  }

  tell(...items: Item[]) {
    this.onmessage?.({ data: JSON.stringify({ at: "2026-11-22T08:00:00Z", items }) });
  }
}

const overview = (data: unknown): Item => ({ id: "s1", kind: "overview", data });

describe("the live connection of a tab", () => {
  let client: LiveClient;
  const withdrawn = vi.fn();

  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000 });
    vi.stubGlobal("WebSocket", Socket);
    Socket.all = [];
    withdrawn.mockClear();
    client = new LiveClient(
      "ws://gateway/api/v1/live",
      () => ({ csrf: "c" }),
      withdrawn,
      () => 0.5,
    );
  });

  afterEach(() => {
    client.close();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  test("connects when somebody listens, says who it is, and hands on what it is told", () => {
    const heard = vi.fn();
    client.subscribe({ subscribe: "overview" }, heard);
    expect(client.getState()).toEqual({ status: "connecting" });
    Socket.newest.welcome();
    expect(client.getState()).toEqual({ status: "live" });
    expect(Socket.newest.sent).toEqual([{ csrf: "c" }, { subscribe: "overview", id: "s1" }]);
    Socket.newest.tell(overview(1), { id: "s9", kind: "row", data: 2 });
    expect(heard).toHaveBeenCalledExactlyOnceWith(overview(1));
  });

  test("says nothing to a connection that is being closed", () => {
    const leave = client.subscribe({ subscribe: "overview" }, vi.fn());
    Socket.newest.onopen?.();
    Socket.newest.readyState = 2;
    leave();
    expect(Socket.newest.sent).toHaveLength(2);
  });

  test("has one connection for all topics, and leaves those that nobody wants any more", () => {
    const leave = client.subscribe({ subscribe: "overview" }, vi.fn());
    client.subscribe({ subscribe: "alerts" }, vi.fn());
    Socket.newest.welcome();
    leave();
    expect(Socket.all).toHaveLength(1);
    expect(Socket.newest.sent.at(-1)).toEqual({ unsubscribe: "s1" });
  });

  test("says since when it is blind, tries ever less often, and says what was missed", () => {
    const regained = vi.fn();
    client.onRegained(regained);
    client.subscribe({ subscribe: "overview" }, vi.fn());
    Socket.newest.welcome();
    Socket.newest.onclose?.({ code: 1006 });
    expect(client.getState()).toEqual({ status: "blind", since: 1_000_000, retryAt: 1_000_500 });
    vi.advanceTimersByTime(500);
    expect(Socket.all).toHaveLength(2);
    Socket.newest.onclose?.({ code: 1006 });
    expect(client.getState()).toEqual({ status: "blind", since: 1_000_000, retryAt: 1_001_500 });
    vi.advanceTimersByTime(1000);
    expect(regained).not.toHaveBeenCalled();
    Socket.newest.welcome();
    expect(regained).toHaveBeenCalledExactlyOnceWith(1_000_000, 1_001_500);
    expect(Socket.newest.sent).toEqual([{ csrf: "c" }, { subscribe: "overview", id: "s1" }]);
    for (let time = 0; time < 20; time++) {
      Socket.newest.onclose?.({ code: 1006 });
      vi.advanceTimersByTime(15_000);
    }
    const state = client.getState();
    expect(Socket.all.length).toBeGreaterThan(15);
    expect(state.status).toBe("blind");
  });

  test("is live when it is heard of, not when it is let in: one that is refused tries ever less often", () => {
    client.subscribe({ subscribe: "overview" }, vi.fn());
    for (const wait of [500, 1000, 2000]) {
      Socket.newest.onopen?.();
      expect(client.getState().status).not.toBe("live");
      Socket.newest.onclose?.({ code: 1013 });
      expect(client.getState()).toMatchObject({ status: "blind", retryAt: Date.now() + wait });
      vi.advanceTimersByTime(wait);
    }
  });

  test("is lost when nothing is heard for long, unless the tab is in the background", () => {
    client.subscribe({ subscribe: "overview" }, vi.fn());
    Socket.newest.welcome();
    vi.advanceTimersByTime(20_000);
    Socket.newest.tell();
    vi.advanceTimersByTime(20_000);
    expect(client.getState()).toEqual({ status: "live" });
    client.pause(true);
    vi.advanceTimersByTime(60_000);
    expect(client.getState()).toEqual({ status: "live" });
    client.pause(false);
    vi.advanceTimersByTime(25_000);
    expect(client.getState().status).toBe("blind");
    vi.advanceTimersByTime(500);
    expect(Socket.all).toHaveLength(2);
    vi.advanceTimersByTime(25_000);
    expect(client.getState()).toMatchObject({ status: "blind", retryAt: Date.now() + 1000 });
  });

  test("is tried at once when somebody asks for it", () => {
    client.subscribe({ subscribe: "overview" }, vi.fn());
    Socket.newest.onclose?.({ code: 1006 });
    client.retry();
    client.retry();
    expect(Socket.all).toHaveLength(2);
    vi.advanceTimersByTime(20_000);
    expect(Socket.all).toHaveLength(2);
  });

  test("is paused while the page is hidden, from its beginning, and tried when the machine is in a network", () => {
    const page = Object.assign(new EventTarget(), { hidden: true });
    const machine = new EventTarget();
    const leave = client.attend(page, machine);
    client.subscribe({ subscribe: "overview" }, vi.fn());
    Socket.newest.onopen?.();
    expect(Socket.newest.sent).toContainEqual({ pause: true });
    page.hidden = false;
    page.dispatchEvent(new Event("visibilitychange"));
    expect(Socket.newest.sent.at(-1)).toEqual({ pause: false });
    Socket.newest.onclose?.({ code: 1006 });
    machine.dispatchEvent(new Event("online"));
    expect(Socket.all).toHaveLength(2);
    leave();
    page.hidden = true;
    page.dispatchEvent(new Event("visibilitychange"));
    Socket.newest.onopen?.();
    expect(Socket.newest.sent).not.toContainEqual({ pause: true });
    Socket.newest.onclose?.({ code: 1006 });
    machine.dispatchEvent(new Event("online"));
    expect(Socket.all).toHaveLength(2);
  });

  test("pauses in the background, also over a loss", () => {
    client.subscribe({ subscribe: "overview" }, vi.fn());
    Socket.newest.welcome();
    client.pause(true);
    client.pause(true);
    expect(Socket.newest.sent.slice(2)).toEqual([{ pause: true }]);
    Socket.newest.onclose?.({ code: 1006 });
    vi.advanceTimersByTime(500);
    Socket.newest.welcome();
    expect(Socket.newest.sent).toContainEqual({ pause: true });
    client.pause(false);
    expect(Socket.newest.sent.at(-1)).toEqual({ pause: false });
  });

  test.each([4401, 4403])("has it asked who is signed in when the token was withdrawn: %s", (code) => {
    client.subscribe({ subscribe: "overview" }, vi.fn());
    Socket.newest.welcome();
    Socket.newest.onclose?.({ code });
    expect(withdrawn).toHaveBeenCalledOnce();
    client.close();
    vi.advanceTimersByTime(60_000);
    expect(Socket.all).toHaveLength(1);
    expect(client.getState()).toEqual({ status: "off" });
  });

  test("ends for good with who was signed in: the next one begins anew", () => {
    client.subscribe({ subscribe: "overview" }, vi.fn());
    Socket.newest.onopen?.();
    Socket.newest.onclose?.({ code: 1006 });
    client.retry();
    client.close();
    vi.advanceTimersByTime(60_000);
    expect(Socket.all).toHaveLength(2);
    client.subscribe({ subscribe: "alerts" }, vi.fn());
    expect(client.getState()).toEqual({ status: "connecting" });
    Socket.newest.onopen?.();
    expect(Socket.newest.sent).toEqual([{ csrf: "c" }, { subscribe: "alerts", id: "s2" }]);
  });
});
