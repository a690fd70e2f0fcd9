// A picture for those without a camera: bars, a ball and a running clock.

const WIDTH = 1280;
const HEIGHT = 720;
const BARS = ["#c9c9c9", "#c9c913", "#13c9c9", "#13c913", "#c913c9", "#c91313", "#1313c9"];
const FRAME_MS = 1000 / 30;

/** A canvas on which it is drawn until it is ended. */
export function drawPattern(name: string): { canvas: HTMLCanvasElement; end(): void } {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error("this browser draws no canvas");
  const time = new Intl.DateTimeFormat("en", { timeStyle: "medium", hourCycle: "h23" });
  const draw = () => {
    const now = Date.now();
    for (const [index, colour] of BARS.entries()) {
      pen.fillStyle = colour;
      pen.fillRect((index * WIDTH) / BARS.length, 0, WIDTH / BARS.length + 1, HEIGHT);
    }
    pen.fillStyle = "#14151a";
    pen.fillRect(0, 240, WIDTH, 240);
    pen.fillStyle = "#ffffff";
    pen.font = "600 120px ui-monospace, monospace";
    pen.textAlign = "center";
    const tenths = Math.floor((now % 1000) / 100);
    pen.fillText(`${time.format(now)}.${tenths}`, WIDTH / 2, 400);
    pen.font = "36px system-ui, sans-serif";
    pen.fillText(name, WIDTH / 2, 300);
    const turn = (now % 2000) / 2000;
    pen.beginPath();
    pen.arc(60 + (WIDTH - 120) * Math.abs(1 - 2 * turn), 600, 50, 0, 2 * Math.PI);
    pen.fill();
  };
  draw();
  // Not by animation frames, which stop while the tab is hidden.
  const timer = setInterval(draw, FRAME_MS);
  return { canvas, end: () => clearInterval(timer) };
}
