import type { Format } from "../../lib/format";
import type { Said } from "./said";
import type { useText } from "./text";

type Text = ReturnType<typeof useText>;

/** Return in sentences what became of a call and why, made of the records of all of its legs. Rules count from 1, as in the table. */
export function explain(legs: readonly Said[], text: Text, format: Format): string[] {
  const says = text.explain;
  const origin = legs.find((leg) => leg.direction === "from_station" || leg.direction === "from_backend");
  if (origin === undefined) return legs.map((leg) => alone(leg));
  if (origin.kind === "malformed") return [says.malformed(origin.description ?? "")];
  return origin.direction === "from_station" ? ofStation(origin) : ofBackend(origin);

  function ofStation(said: Said): string[] {
    const sentences = [decided(said)];
    const told = legs.filter((leg) => leg.direction === "to_backend");
    const answering = told.filter((leg) => leg.leg === said.backend);
    const others = told.filter((leg) => leg.leg !== said.backend);
    for (const leg of answering) sentences.push(`${says.asked(leg.leg ?? "")} ${how(leg)}`);
    for (const leg of others) sentences.push(`${says.told(leg.leg ?? "")} ${how(leg)}`);
    if (told.length === 0 && !["ledger", "stand-in", "gateway"].includes(said.decided ?? "")) {
      sentences.push(says.noBackend);
    }
    if (said.kind === "send") sentences.push(says.send);
    else if (isUnanswered(said)) sentences.push(says.gotNone(said.station, because(said)));
    else {
      const whose = said.backend === null ? says.ownAnswer : says.answerOf(said.backend);
      sentences.push(says.got(said.station, whose, after(said), changed(said, true)));
    }
    return sentences;
  }

  function ofBackend(said: Said): string[] {
    const backend = said.backend ?? said.leg ?? "";
    const asked = legs.filter((leg) => leg.direction === "to_station");
    const sentences = asked.map((leg) => `${says.wentTo(leg.station)} ${how(leg)}`);
    if (asked.length === 0) sentences.push(says.neverCame(said.station, backend));
    if (isUnanswered(said)) sentences.push(says.gotNone(backend, because(said)));
    else sentences.push(says.got(backend, says.theAnswer, after(said), changed(said, true)));
    return sentences;
  }

  function decided(said: Said): string {
    if (said.decided === "rule") return says.rule((said.rule ?? 0) + 1, said.route ?? "");
    const backend = said.backend ?? says.thatBackend;
    switch (said.decided) {
      case "owner":
        return says.owner(backend);
      case "invitation":
        return says.invitation(backend);
      case "authorize":
        return says.authorize(backend);
      case "ledger":
        return says.ledger;
      case "stand-in":
        return says.standIn;
      case "gateway":
        return says.gateway;
      case "nobody":
        return says.nobody(said.route ?? "");
      default:
        return says.unknown;
    }
  }

  /** Return what became of a call on a leg that it went to. */
  function how(leg: Said): string {
    return `${changed(leg, false)} ${came(leg)}`;
  }

  function came(leg: Said): string {
    if (leg.kind === "send") return says.hasNone;
    if (isUnanswered(leg)) return says.noAnswer(because(leg));
    return leg.outcome === "error" ? says.error(after(leg), errorOf(leg)) : says.answered(after(leg));
  }

  function alone(leg: Said): string {
    if (leg.kind === "call" || leg.kind === "send") return `${says.notInLog} ${how(leg)}`;
    return leg.kind === "refused" ? says.refused(leg.description ?? "") : (leg.description ?? "");
  }

  function changed(leg: Said, isAnswer: boolean): string {
    const what = changesOf(leg, isAnswer).join(", ");
    if (what !== "") return says.changed(what);
    return isAnswer ? "" : says.unchanged;
  }

  function after(leg: Said): string {
    return leg.latency_ms === null ? "" : format.latency(leg.latency_ms);
  }
}

/** Return what was changed, of the call or of the answer: `transactionId 17 → 3 (number)`. */
export function changesOf(leg: Said, isAnswer: boolean): string[] {
  const found: string[] = [];
  let inAnswer = false;
  for (const part of (leg.changed ?? "").split("; ").filter((each) => each !== "")) {
    inAnswer ||= part.startsWith("answer: ");
    if (inAnswer === isAnswer) found.push(part.replace(/^answer: /, ""));
  }
  return found;
}

/** Return what an error says: its code, and its description. */
export function errorOf(leg: Said): string {
  const reply = leg.reply as { code?: unknown; description?: unknown } | null;
  const code = typeof reply?.code === "string" ? reply.code : "";
  const said = typeof reply?.description === "string" ? reply.description : "";
  return said === "" ? code : `${code} (${said})`;
}

function because(leg: Said): string {
  const reply = leg.reply as { description?: unknown } | null;
  return typeof reply?.description === "string" ? reply.description.replace(/\.$/, "") : "";
}

function isUnanswered(leg: Said): boolean {
  return leg.outcome === null || leg.outcome === "unanswered";
}
