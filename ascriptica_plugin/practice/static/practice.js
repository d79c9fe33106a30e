// Fetches the page again every two seconds and puts its <main> in place of ours. Without scripts, reload by hand.
setInterval(async () => {
  const main = document.querySelector("main");
  // Leave the page alone while someone selects or walks through it with the keyboard.
  if (document.hidden || main.contains(document.activeElement) || !getSelection().isCollapsed) return;
  try {
    const answer = await fetch(location.href);
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    if (fresh.innerHTML !== main.innerHTML) main.replaceWith(fresh);
  } catch {
    // The server is away; the next round tries again.
  }
}, 2000);
