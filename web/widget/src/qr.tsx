import { encode } from "uqr";

/** A link as a QR code, dark on light in every theme, as cameras want it. */
export function Qr({ link, label }: { link: string; label: string }) {
  const { size, data } = encode(link, { border: 3 });
  const path = data
    .flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])))
    .join("");
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <path d={path} />
    </svg>
  );
}
