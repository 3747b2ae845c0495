package org.espalier.backend.cuda.weights;

import org.espalier.api.backend.Binding;
import org.espalier.backend.cuda.kernel.Bank;
import org.espalier.backend.cuda.kernel.Turn;

/**
 * A linear in device memory.
 *
 * @param bank its matrices
 * @param isSingle whether it is one matrix, not a bank of experts
 * @param input rotation before them
 * @param output rotation after them
 * @param pairs whether rows enter as halves
 * @param codebook where its codebook is, for trellis codes
 * @param matrices where they are
 * @param binding for people
 */
public record LoadedLinear(
    Bank bank,
    boolean isSingle,
    Turn input,
    Turn output,
    boolean pairs,
    Codebook codebook,
    Matrices matrices,
    Binding binding) {
  /** The same with a table of other addresses. */
  public LoadedLinear over(long table) {
    Bank other = new Bank(table, bank.storage(), bank.outputs(), bank.inputs());
    return new LoadedLinear(other, isSingle, input, output, pairs, codebook, matrices, binding);
  }

  /**
   * A codebook in two forms.
   *
   * @param table address of pairs of halves, or 0
   * @param floats address of pairs of floats, or 0
   */
  public record Codebook(long table, long floats) {
    static final Codebook NONE = new Codebook(0, 0);
  }
}
