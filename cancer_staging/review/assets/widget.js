
// ---- in a notebook: the model holds the index, the log and the name; the kernel sends texts when they are asked for

export default function widget() { // called once for a model; its views share the data
  let data;

  return {
    initialize({ model }) { // what is heard here is heard until the model goes, whichever view goes before
      const asked = new Map();
      model.on("msg:custom", ({ block, texts }) => asked.get(block)?.(texts));
      data = unpacked(model.get("index"), (block) => new Promise((resolve) => { asked.set(block, resolve); model.send({ block }); }));
    },

    async render({ model, el: place }) {
      const of = await data, root = place.appendChild(document.createElement("div")), logged = () => decisionsOf(model.get("log"), of);
      let written = null;
      const write = (log) => { written = log.map((one) => `${line(one)}\n`).join(""); model.set("log", written); model.save_changes(); };
      place.classList.add("review-widget");
      const own = (element) => element.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab and Notebook may hear keys before the widget does
      own(root);
      root.addEventListener("focusin", (event) => own(event.target)); // a shortcut of Notebook's is for whatever has the focus, and is asked first
      const review = mount(root, of, {
        load: logged, changed: write, kept: () => true,
        reviewer: model.get("reviewer"), named: (name) => { model.set("reviewer", name); model.save_changes(); },
      });
      for (const kind of ["keydown", "keypress", "keyup"]) root.addEventListener(kind, (event) => event.stopPropagation()); // what is pressed here is not for the notebook
      const heard = async () => {
        if (model.get("log") === written) return; // this view's own
        const others = logged();
        await review.take(others);
        if (review.decisions().length > others.length) write(review.decisions()); // two views decided at once: neither loses anything
      };
      const named = () => review.rename(model.get("reviewer"));
      model.on("change:log", heard);
      model.on("change:reviewer", named);
      await review.ready;
      return () => { model.off("change:log", heard); model.off("change:reviewer", named); review.unmount(); };
    },
  };
}
