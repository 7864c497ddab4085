// JupyterLab's editor adds the end tag of every HTML element, and no setting turns this off. If you type
// a page as it is in a step, you get each end tag twice. With this extension, ">" and "/" are ordinary
// characters.
//
// This file is written by hand in the form that JupyterLab loads, which is a container for module
// federation. Therefore it needs no build.
{
  let shared; // the packages of this JupyterLab, by name and version

  const use = async (name) => (await Object.values(shared[name])[0].get())();

  const leaveAsTyped = ({ EditorView }, { Prec }, { language }) =>
    Prec.highest(
      EditorView.inputHandler.of((view, from, to, text, insert) => {
        const ours = (text === ">" || text === "/") && view.state.facet(language)?.name === "html";
        if (ours) view.dispatch(insert());
        return ours;
      }),
    );

  const extension = async () => {
    const names = ["view", "state", "language"].map((part) => `@codemirror/${part}`);
    const editor = await use("@jupyterlab/codemirror");
    const asTyped = leaveAsTyped(...(await Promise.all(names.map(use))));
    const plugin = {
      id: "html_as_typed:plugin",
      autoStart: true,
      requires: [editor.IEditorExtensionRegistry],
      activate: (app, extensions) =>
        extensions.addExtension({
          name: "html-as-typed",
          factory: () => ({ instance: () => asTyped, reconfigure: () => null }),
        }),
    };
    return () => plugin;
  };

  globalThis._JUPYTERLAB ??= {};
  globalThis._JUPYTERLAB["html_as_typed"] = {
    init: (packages) => {
      shared = packages;
    },
    get: extension,
  };
}
