// Says on the page whether the server answers and how many languages are open.
// Without it the page stays true: the text that it replaces is a link.
const show = (mood, text) => {
  document.getElementById("status").classList.add(mood);
  document.getElementById("status-text").textContent = text;
};

const read = async (path) => {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer.json();
};

const languages = async () => {
  const filter = encodeURIComponent("(enabled=true)");
  const { totalItems } = await read(`/api/collections/languages/records?perPage=1&filter=${filter}`);
  if (totalItems === 1) return " One language is open for recordings.";
  return ` ${totalItems.toLocaleString("en")} languages are open for recordings.`;
};

try {
  await read("/api/health");
  show("good", "The server answers." + (await languages().catch(() => "")));
} catch {
  show("bad", "The server does not answer at the moment. Try again in a minute.");
}
