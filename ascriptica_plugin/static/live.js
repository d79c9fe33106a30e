// Keeps [data-live] elements up to date until none of them is data-moving any more, by fetching the page again.
(() => {
  const began = Date.now();
  let timer;

  // The content of an element, without what differs on every load (CSRF tokens) and what the reader has unfolded.
  const seen = (element) => {
    const copy = element.cloneNode(true);
    copy.querySelectorAll("[name=csrf_token]").forEach((input) => input.remove());
    copy.querySelectorAll("details").forEach((details) => details.removeAttribute("open"));
    return copy.innerHTML;
  };

  const bringUpToDate = (fresh) => {
    for (const old of document.querySelectorAll("[data-live]")) {
      const now = fresh.getElementById(old.id);
      if (!now) continue;
      old.toggleAttribute("data-moving", now.hasAttribute("data-moving"));
      if (seen(old) === seen(now)) continue;
      const focused = old.contains(document.activeElement) && document.activeElement.id;
      const unfolded = [...old.querySelectorAll("details[open][id]")].map((details) => details.id);
      old.replaceChildren(...document.importNode(now, true).childNodes);
      for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
      if (focused) document.getElementById(focused)?.focus();
    }
  };

  const look = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10000) });
      if (answer.redirected) return;
      if (answer.ok) bringUpToDate(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // Offline for a moment: the next look tries again.
    }
    lookLater();
  };

  const lookLater = () => {
    clearTimeout(timer);
    if (document.querySelector("[data-live][data-moving]")) {
      timer = setTimeout(look, Date.now() - began < 30000 ? 1000 : 5000);
    }
  };

  document.addEventListener("visibilitychange", lookLater);
  lookLater();
})();
