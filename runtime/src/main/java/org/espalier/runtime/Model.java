package org.espalier.runtime;

import java.nio.file.Path;
import java.util.function.Consumer;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Session;
import org.espalier.api.format.Metadata;
import org.espalier.api.model.ModelPlan;
import org.espalier.runtime.tokenizer.Tokenizer;

/** An opened model: file, tokenizer and a compiled plan. Closing it releases all of them. */
public final class Model implements AutoCloseable {
  private Model() {}

  /**
   * Opens a model: the first format that accepts the file, the architecture that accepts the
   * artifact, the codecs that claim its tensors, and the backend that accepts the plan.
   *
   * @param notices receives sentences that a user should read once
   * @throws org.espalier.api.EspalierException when any of these fails, with all reasons
   */
  public static Model open(
      Path path, Providers providers, ModelOptions options, Consumer<String> notices) {
    throw new IllegalStateException("not yet written");
  }

  /** Only the metadata of a file, with overrides: works on files without weights. */
  public static Metadata metadata(Path path, Providers providers) {
    throw new IllegalStateException("not yet written");
  }

  /** Its plan. */
  public ModelPlan plan() {
    throw new IllegalStateException("not yet written");
  }

  /** Its metadata, overrides included. */
  public Metadata metadata() {
    throw new IllegalStateException("not yet written");
  }

  /** Its tokenizer. */
  public Tokenizer tokenizer() {
    throw new IllegalStateException("not yet written");
  }

  /** Its compiled plan. */
  public Executable executable() {
    throw new IllegalStateException("not yet written");
  }

  /** Most positions per forward pass. */
  public int batch() {
    throw new IllegalStateException("not yet written");
  }

  /**
   * Begins a sequence.
   *
   * @param contextLength positions; 0 means the model's own
   */
  public Session newSession(int contextLength) {
    throw new IllegalStateException("not yet written");
  }

  @Override
  public void close() {
    throw new IllegalStateException("not yet written");
  }
}
