// The sound of a new message, made here: nothing is fetched. Off until somebody wants it.

const NOTES = [660, 880]; // hertz
const NOTE_S = 0.14;
const LOUD = 0.12;
const QUIET_MS = 1500; // tabs of one site share a chime, and many messages at once are one

export class Chime {
  private audio: AudioContext | null = null;

  /** Sound once, unless another tab just did; one that may not sound leaves it to others. */
  async ring(): Promise<void> {
    if (navigator.userActivation?.hasBeenActive === false) return;
    if (!navigator.locks) return this.play(); // a page without https
    await navigator.locks.request("samtal.chime", { ifAvailable: true }, async (lock) => {
      if (lock === null) return;
      this.play();
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    });
  }

  /** Sound at once. */
  play(): void {
    try {
      const audio = (this.audio ??= new AudioContext());
      void audio.resume().catch(() => {});
      NOTES.forEach((note, at) => tone(audio, note, audio.currentTime + at * NOTE_S));
    } catch {
      // no sound here
    }
  }
}

function tone(audio: AudioContext, note: number, begin: number): void {
  const source = audio.createOscillator();
  const volume = audio.createGain();
  source.frequency.value = note;
  volume.gain.setValueAtTime(0, begin);
  volume.gain.linearRampToValueAtTime(LOUD, begin + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.001, begin + 2 * NOTE_S);
  source.connect(volume).connect(audio.destination);
  source.start(begin);
  source.stop(begin + 2 * NOTE_S);
}
