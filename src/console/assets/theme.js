// SPDX-License-Identifier: ISC
//
// Before the first paint: the reader's own choice of light or dark, else the system's.
// A classic script, as modules run too late for that.

(() => {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark")
        document.documentElement.dataset.theme = chosen;
})();
