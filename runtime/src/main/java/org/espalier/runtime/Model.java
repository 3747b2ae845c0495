package org.espalier.runtime;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Accelerator;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.CacheTypes;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.ExpertPlacement;
import org.espalier.api.backend.ExpertStore;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.model.ModelPlan;
import org.espalier.runtime.event.KernelChoice;
import org.espalier.runtime.loading.Architectures;
import org.espalier.runtime.loading.Backends;
import org.espalier.runtime.loading.CompiledPlan;
import org.espalier.runtime.loading.Formats;
import org.espalier.runtime.loading.OverriddenArtifact;
import org.espalier.runtime.loading.Resources;
import org.espalier.runtime.loading.TensorBinder;
import org.espalier.runtime.tokenizer.Tokenizer;

/**
 * An opened model: file, tokenizer and a compiled plan. Closing it releases all of them; sessions
 * must be closed before. Safe for use by many threads, each with a session of its own.
 */
public final class Model implements AutoCloseable {
  private final ModelArtifact artifact;
  private final ModelPlan plan;
  private final Tokenizer tokenizer;
  private final CompiledPlan compiled;
  private final int batch;
  private final Precision precision;
  private final CacheTypes cacheTypes;
  private final Duration loadTime;
  private final Consumer<String> notices;
  private final Resources resources;
  private final PassOrder order;

  private Model(
      ModelArtifact artifact,
      ModelPlan plan,
      Tokenizer tokenizer,
      CompiledPlan compiled,
      int batch,
      Precision precision,
      CacheTypes cacheTypes,
      Duration loadTime,
      Consumer<String> notices,
      Resources resources) {
    this.artifact = artifact;
    this.plan = plan;
    this.tokenizer = tokenizer;
    this.compiled = compiled;
    this.order = new PassOrder(compiled.executable(), artifact.path());
    this.batch = batch;
    this.precision = precision;
    this.cacheTypes = cacheTypes;
    this.loadTime = loadTime;
    this.notices = notices;
    this.resources = resources;
  }

  /**
   * Opens a model: the first format that accepts the file, the architecture that accepts the
   * artifact, the codecs that claim its tensors, and the backend that accepts the plan. Where a
   * step fails, everything before it is closed.
   *
   * @param notices receives sentences that a user should read once; also later, from {@link
   *     #newSession}
   * @throws org.espalier.api.EspalierException when any of these fails, with all reasons
   */
  public static Model open(
      Path path, Providers providers, ModelOptions options, Consumer<String> notices) {
    long start = System.nanoTime();
    try (Resources building = new Resources()) {
      ModelArtifact file =
          building.add(Formats.open(path, providers.formats()), ModelArtifact::close);
      ModelArtifact artifact = OverriddenArtifact.of(file, options.overrides());
      ModelPlan plan =
          Architectures.plan(
              artifact, providers.architectures(), new TensorBinder(artifact, providers.codecs()));
      Tokenizer tokenizer = Tokenizer.of(artifact.metadata(), options.compatibility(), notices);
      // No prompt is longer than the context, so scratch memory for more would be wasted.
      int batch = Math.min(options.batch(), Math.max(1, plan.contextLength()));
      CompiledPlan compiled =
          new Backends(providers.backends(), options.threads(), options.settings())
              .compile(
                  options.backend(),
                  plan,
                  new CompileOptions(
                      options.precision(),
                      batch,
                      options.memoryLimit(),
                      options.observer(),
                      OptionalInt.of(
                          options.contextLength().orElse(Math.max(1, plan.contextLength()))),
                      artifact::find,
                      ExpertStore.NONE,
                      ExpertPlacement.UNDECIDED,
                      options.cacheTypes()),
                  notices);
      compiled.executable().notices().forEach(notices);
      building.add(compiled, CompiledPlan::close);
      KernelChoice.report(compiled.executable());
      return new Model(
          artifact,
          plan,
          tokenizer,
          compiled,
          batch,
          options.precision(),
          options.cacheTypes(),
          Duration.ofNanos(System.nanoTime() - start),
          notices,
          building.keep());
    }
  }

  /** Only the metadata of a file: works on files without weights. */
  public static Metadata metadata(Path path, Providers providers) {
    try (ModelArtifact artifact = Formats.open(path, providers.formats())) {
      return artifact.metadata();
    }
  }

  /** Its file: path, size, kind and tensors. */
  public ModelArtifact artifact() {
    return artifact;
  }

  /** Its plan. */
  public ModelPlan plan() {
    return plan;
  }

  /** Its metadata, overrides included. */
  public Metadata metadata() {
    return artifact.metadata();
  }

  /** Its tokenizer. */
  public Tokenizer tokenizer() {
    return tokenizer;
  }

  /** Its compiled plan. */
  public Executable executable() {
    return order;
  }

  /** Most positions per forward pass. */
  public int batch() {
    return batch;
  }

  /** Its arithmetic. */
  public Precision precision() {
    return precision;
  }

  /** In what forms its sessions keep keys and values. */
  public CacheTypes cacheTypes() {
    return cacheTypes;
  }

  /** The backend that runs it. */
  public BackendId backend() {
    return compiled.backend();
  }

  /** The machine that runs it, in words: {@code "AVX-512, 4 threads"}. */
  public String device() {
    return compiled.device();
  }

  /** What it computes on, unless that is the host's own processors alone. */
  public Optional<Accelerator> accelerator() {
    return compiled.accelerator();
  }

  /** Backends of higher preference that declined, each as {@code "name: reason"}. */
  public List<String> declinedBackends() {
    return compiled.declined();
  }

  /** How long {@link #open} took. */
  public Duration loadTime() {
    return loadTime;
  }

  /**
   * Begins a sequence, independent of all others: what a pass returns is valid until the next pass
   * of the same session, whatever other sessions do meanwhile. Its key–value cache holds {@link
   * #cacheTypes()}.
   *
   * @param contextLength positions; 0 means the model's own. More than the model was trained for is
   *     allowed, as in llama.cpp's tools, with a notice
   * @throws InvalidRequest when it is negative
   */
  public Session newSession(int contextLength) {
    if (contextLength < 0) {
      throw new InvalidRequest(
          "the context length must be 0 (the model's own) or more: " + contextLength);
    }
    if (contextLength > plan.contextLength()) {
      notices.accept(
          "the model was trained for a context of %d tokens; in one of %d its text may be poor"
              .formatted(plan.contextLength(), contextLength));
    }
    int positions = contextLength == 0 ? plan.contextLength() : contextLength;
    return order.open(new SessionOptions(positions, cacheTypes));
  }

  /** Releases everything. Closing twice does nothing more. */
  @Override
  public void close() {
    resources.close();
  }
}
