export function StationPage({ identity }: { identity: string }) {
  return identity;
}
