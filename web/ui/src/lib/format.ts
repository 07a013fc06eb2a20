import { type Language, useLanguage } from "./i18n";

const MINUTES = { hour: "2-digit", minute: "2-digit" } as const;

/** Times and numbers as people of a language write them, in the zone of this browser. */
export class Format {
  private readonly locale: string;
  private readonly clock: Intl.DateTimeFormat;
  private readonly day: Intl.DateTimeFormat;
  private readonly calendar: Intl.DateTimeFormat;
  private readonly minutes: Intl.DateTimeFormat;
  private readonly full: Intl.DateTimeFormat;
  private readonly relative: Intl.RelativeTimeFormat;
  private readonly elsewhere = new Map<string, Intl.DateTimeFormat>();

  constructor(language: Language, timeZone?: string) {
    const locale = language === "en" ? "en-GB" : "de-DE";
    this.locale = locale;
    const zone = timeZone === undefined ? {} : { timeZone };
    this.clock = new Intl.DateTimeFormat(locale, { timeStyle: "medium", ...zone });
    this.day = new Intl.DateTimeFormat(locale, {
      day: "numeric",
      month: "short",
      hour: "2-digit",
      minute: "2-digit",
      ...zone,
    });
    this.calendar = new Intl.DateTimeFormat(locale, { dateStyle: "medium", ...zone });
    this.minutes = new Intl.DateTimeFormat(locale, { ...MINUTES, ...zone });
    this.full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "long", ...zone });
    this.relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  }

  /** "14:05:09" */
  time(at: string | number): string {
    return this.clock.format(new Date(at));
  }

  /** "14:05:09" for a time within 18 hours, "21 Nov, 14:05" within 300 days, else "21 Nov 2026". */
  short(at: string | number, now = Date.now()): string {
    const then = new Date(at).getTime();
    const hours = Math.abs(now - then) / 3_600_000;
    return (hours < 18 ? this.clock : hours < 300 * 24 ? this.day : this.calendar).format(then);
  }

  /** "21 Nov 2026" */
  date(at: string | number): string {
    return this.calendar.format(new Date(at));
  }

  /** An amount of money as it is told: "€12.26". Prices keep all their digits. */
  money(amount: string | number, currency: string, digits?: number): string {
    const style = { style: "currency", currency, maximumFractionDigits: digits } as const;
    return Number(amount).toLocaleString(this.locale, style);
  }

  /** The whole time with its zone, and what it is in UTC. */
  whole(at: string | number): string {
    return `${this.full.format(new Date(at))} · ${new Date(at).toISOString()}`;
  }

  /** "08:05 GMT-5": a time as clocks in another zone have it; "" where they show what they show here, and for no zone. */
  there(at: string | number, timeZone: string): string {
    const then = new Date(at);
    const clock = this.elsewhere.get(timeZone) ?? this.clockIn(timeZone);
    if (clock === undefined) return "";
    this.elsewhere.set(timeZone, clock);
    const place = clock.format(then);
    return place.startsWith(this.minutes.format(then)) ? "" : place;
  }

  private clockIn(timeZone: string): Intl.DateTimeFormat | undefined {
    try {
      return new Intl.DateTimeFormat(this.locale, { ...MINUTES, timeZone, timeZoneName: "short" });
    } catch {
      return undefined; // this browser knows no such zone
    }
  }

  /** "3 min. ago" */
  ago(at: string | number, now = Date.now()): string {
    const seconds = Math.round((new Date(at).getTime() - now) / 1000);
    for (const [unit, size] of UNITS) {
      if (Math.abs(seconds) >= size) return this.relative.format(Math.trunc(seconds / size), unit);
    }
    return this.relative.format(0, "second");
  }

  /** "4,812": a whole number. */
  count(value: number): string {
    return value.toLocaleString(this.locale, { maximumFractionDigits: 0 });
  }

  /** "12.4": one digit after the point, where the number is small. */
  number(value: number, digits = value < 100 ? 1 : 0): string {
    return value.toLocaleString(this.locale, {
      maximumFractionDigits: digits,
    });
  }

  /** Energy, given in Wh: "940 Wh", "12.4 kWh", "1.2 MWh". */
  energy(wattHours: number): string {
    return this.scaled(wattHours, ["Wh", "kWh", "MWh", "GWh"]);
  }

  /** Power, given in W: "11 kW". */
  power(watts: number): string {
    return this.scaled(watts, ["W", "kW", "MW", "GW"]);
  }

  /** A size, given in bytes: "940 B", "12.4 kB". */
  bytes(bytes: number): string {
    return this.scaled(bytes, ["B", "kB", "MB", "GB"]);
  }

  /** Milliseconds: "12 ms", "1.4 s". */
  latency(milliseconds: number): string {
    return milliseconds < 1000
      ? `${this.number(milliseconds, milliseconds < 10 ? 1 : 0)} ms`
      : `${this.number(milliseconds / 1000, 1)} s`;
  }

  /** A length of time, given in seconds: "45 s", "12 min", "3 h 20 min", "2 d 4 h". */
  duration(seconds: number): string {
    const whole = Math.max(0, Math.round(seconds));
    if (whole < 60) return `${whole} s`;
    const minutes = Math.floor(whole / 60);
    if (minutes < 60) return `${minutes} min`;
    const hours = Math.floor(minutes / 60);
    if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
    const days = Math.floor(hours / 24);
    return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
  }

  private scaled(value: number, units: readonly string[]): string {
    let [scaled, place] = [value, 0];
    while (Math.abs(scaled) >= 1000 && place < units.length - 1) {
      scaled /= 1000;
      place += 1;
    }
    return `${this.number(scaled, place === 0 ? 0 : 1)} ${units[place] ?? ""}`;
  }
}

const UNITS = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
] as const;

const formats = new Map<Language, Format>();

/** Return the format of the viewer's language: there is one of each, since making one takes longer than using it. */
export function useFormat(): Format {
  const language = useLanguage();
  const known = formats.get(language) ?? new Format(language);
  formats.set(language, known);
  return known;
}
