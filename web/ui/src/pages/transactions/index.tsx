import { useSegments } from "../../lib/location";
import { TransactionList } from "./TransactionList";
import { TransactionPage } from "./TransactionPage";

/** The table of transactions, or one of them. */
export default function Transactions() {
  const [, station, ref] = useSegments();
  return station && ref ? (
    <TransactionPage key={`${station} ${ref}`} station={station} name={ref} />
  ) : (
    <TransactionList />
  );
}
