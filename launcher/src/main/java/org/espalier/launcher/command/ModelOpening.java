package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Observer;
import org.espalier.api.format.Metadata;
import org.espalier.downloads.Wanted;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.TokenizerNotes;
import org.espalier.launcher.discovery.ProviderDiscovery;
import org.espalier.launcher.option.BackendFlags;
import org.espalier.launcher.option.ComputationFlags;
import org.espalier.launcher.option.ModelFlags;
import org.espalier.runtime.Model;
import org.espalier.runtime.ModelOptions;
import org.espalier.runtime.Providers;
import org.espalier.runtime.tokenizer.Tokenizer;

/** From flags to an open model, or to its tokenizer alone. */
final class ModelOpening {
  private static final String DEMO = "models/tiny-tales-qtip.gguf";

  private final ProviderDiscovery discovery;
  private final Console console;
  private final ModelDownload download;

  @Inject
  ModelOpening(ProviderDiscovery discovery, Console console, ModelDownload download) {
    this.discovery = discovery;
    this.console = console;
    this.download = download;
  }

  /** Opens the whole model. */
  Model model(ModelFlags flags, BackendFlags backend) {
    return model(flags, backend, backend.threads(), 0, console::note);
  }

  /** Opens the whole model for sessions of so many positions; 0 means the model's own context. */
  Model modelForContext(ModelFlags flags, BackendFlags backend, int context) {
    return model(flags, backend, backend.threads(), context, console::note);
  }

  /** The same, with someone who sees what passes through it. */
  Model modelForContext(ModelFlags flags, BackendFlags backend, int context, Observer observer) {
    return open(
        path(flags), flags, backend.modelOptions(flags).forContext(context).observedBy(observer));
  }

  /** Opens the whole model for a number of threads, and for sessions of so many positions. */
  Model model(
      ModelFlags flags,
      ComputationFlags computation,
      int threads,
      int context,
      Consumer<String> notices) {
    return open(
        path(flags, notices),
        flags,
        computation.modelOptions(flags, threads).forContext(context),
        notices);
  }

  /** Opens the whole model, with someone who sees what passes through it. */
  Model model(ModelFlags flags, BackendFlags backend, Observer observer) {
    return model(flags, backend, observer, 0);
  }

  /** The same, for sessions of so many positions together; 0 means the model's own context. */
  Model model(ModelFlags flags, BackendFlags backend, Observer observer, int positions) {
    return open(
        path(flags), flags, backend.modelOptions(flags).observedBy(observer).forContext(positions));
  }

  /** Opens another model with the same flags. */
  Model model(Path path, ModelFlags flags, BackendFlags backend) {
    return open(path, flags, backend.modelOptions(flags));
  }

  private Model open(Path path, ModelFlags flags, ModelOptions options) {
    return open(path, flags, options, console::note);
  }

  private Model open(Path path, ModelFlags flags, ModelOptions options, Consumer<String> notices) {
    Providers providers = discovery.find(flags.excluded());
    try (TokenizerNotes notes = new TokenizerNotes(notices)) {
      return Model.open(path, providers, options, notes);
    }
  }

  /** Reads the tokenizer alone; the file needs no weights for that. */
  Tokenizer tokenizer(ModelFlags flags) {
    Providers providers = discovery.find(flags.excluded());
    Metadata metadata = Model.metadata(path(flags), providers).with(flags.overrides());
    try (TokenizerNotes notes = new TokenizerNotes(console::note)) {
      return Tokenizer.of(metadata, flags.compatibility(), notes);
    }
  }

  private Path path(ModelFlags flags) {
    return path(flags, console::note);
  }

  private Path path(ModelFlags flags, Consumer<String> notices) {
    return flags
        .nameInsteadOf(flags.path())
        .map(name -> download.fetch(name, flags, Wanted.MODEL_FILE))
        .or(flags::path)
        .orElseGet(() -> demo(notices));
  }

  /** The model that comes with the program, in the folder that the espalier script names. */
  private static Path demo(Consumer<String> notices) {
    Path demo =
        Optional.ofNullable(System.getProperty("espalier.home"))
            .map(home -> Path.of(home, DEMO))
            .filter(Files::exists)
            .orElseThrow(
                () -> new InvalidRequest("no model was named: give one with -m FILE or -hf NAME"));
    notices.accept(
        "no -m was given, so this is the bundled demo model "
            + demo.getFileName()
            + ", which knows fairy tales only");
    return demo;
  }
}
