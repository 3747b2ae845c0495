package org.espalier.server.scheduling;

import java.util.function.Supplier;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Session;
import org.espalier.runtime.Model;
import org.espalier.runtime.tokenizer.Tokenizer;

/**
 * What scheduling needs of a model.
 *
 * @param executable that runs all passes
 * @param sessions opens one more sequence
 * @param tokenizer of the model
 * @param contextLength of every session
 * @param batch most positions per pass
 */
public record ServedModel(
    Executable executable,
    Supplier<Session> sessions,
    Tokenizer tokenizer,
    int contextLength,
    int batch) {

  /**
   * An opened model.
   *
   * @param contextLength of every session; 0 means the model's own
   */
  public static ServedModel of(Model model, int contextLength) {
    int context = contextLength == 0 ? model.plan().contextLength() : contextLength;
    return new ServedModel(
        model.executable(),
        () -> model.newSession(context),
        model.tokenizer(),
        context,
        model.batch());
  }

  /** Values per row of logits. */
  int vocabulary() {
    return executable.plan().vocabulary();
  }

  /** Rows of padding after the last token of the tokenizer mean nothing and are never drawn. */
  int drawable() {
    return Math.min(vocabulary(), tokenizer.size());
  }
}
