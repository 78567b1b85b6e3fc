// The shop's pictures, drawn here: nothing is fetched from elsewhere.

export function Mountains() {
  return (
    <svg class="mountains" viewBox="0 0 1200 420" preserveAspectRatio="xMidYMax slice" aria-hidden="true">
      <circle class="sun" cx="905" cy="120" r="52" />
      <path class="far" d="M0 300 120 210 220 260 380 120 470 200 560 150 700 270 820 170 930 250 1050 140 1200 260V420H0Z" />
      <path class="snow" d="M380 120 430 164 404 176 384 158 356 184 330 165ZM1050 140 1102 180 1074 190 1052 172 1022 196 1000 182Z" />
      <path class="middle" d="M0 350 170 270 300 320 470 230 640 330 790 260 960 340 1090 280 1200 330V420H0Z" />
      <path class="near" d="M0 390 60 372 74 338 88 372 120 366 136 322 152 366 210 376 420 392 700 378 900 394 980 380 998 334 1016 380 1042 376 1056 346 1070 376 1200 366V420H0Z" />
      <path class="tent" d="M560 392 606 340 660 392Z" />
      <path class="door" d="M594 392 606 356 620 392Z" />
    </svg>
  );
}

const DRAWINGS = {
  tent: (
    <>
      <path class="a" d="M30 150 120 48 210 150Z" />
      <path class="b" d="M98 150 120 74 146 150Z" />
      <path class="c" d="M120 48 240 150H210Z" />
      <path class="line" d="M30 150 14 158M240 150l14 8" />
    </>
  ),
  pack: (
    <>
      <rect class="a" x="92" y="42" width="84" height="118" rx="26" />
      <path class="c" d="M92 78c0-48 84-48 84 0v10H92Z" />
      <rect class="b" x="106" y="104" width="56" height="42" rx="10" />
      <path class="line" d="M120 44c0-18 28-18 28 0M84 92c-10 14-10 40 0 54M184 92c10 14 10 40 0 54" />
    </>
  ),
  shell: (
    <>
      <path class="a" d="M108 50h52l38 22 18 66-26 8-12-40v56h-88v-56l-12 40-26-8 18-66Z" />
      <path class="c" d="M108 50c4-22 48-22 52 0l-26 22Z" />
      <path class="line" d="M134 72v90M104 126h18M146 126h18" />
    </>
  ),
  bag: (
    <>
      <path class="a" d="M40 108c0-44 30-58 66-52l108 26c20 6 20 46 0 52l-108 26c-36 6-66-8-66-52Z" />
      <ellipse class="b" cx="78" cy="108" rx="25" ry="33" />
      <path class="line" d="M128 62v92M160 70v76M192 78v60" />
    </>
  ),
  stove: (
    <>
      <path class="c" d="M112 60h44l-4 26h-36Z" />
      <path class="flame" d="M134 88c16 12 12 26 0 30-12-4-16-18 0-30Z" />
      <rect class="b" x="98" y="118" width="72" height="10" rx="5" />
      <path class="a" d="M100 132h68c8 10 8 22 0 30h-68c-8-8-8-20 0-30Z" />
      <path class="line" d="M156 66h28" />
    </>
  ),
  boot: (
    <>
      <path class="a" d="M92 46h58v54c10 14 46 12 58 34v14H88c-4-36 10-70 4-102Z" />
      <path class="b" d="M92 46h58v18H92Z" />
      <path class="c" d="M84 148h128v10c0 4-3 6-6 6H90c-4 0-6-2-6-6Z" />
      <path class="line" d="M128 78h22M128 92h26M134 106h30" />
    </>
  ),
};

export type Thing = keyof typeof DRAWINGS;

export function Picture({ of }: { of: Thing }) {
  return (
    <svg class={`picture ${of}`} viewBox="0 0 268 200" aria-hidden="true">
      {DRAWINGS[of]}
    </svg>
  );
}
