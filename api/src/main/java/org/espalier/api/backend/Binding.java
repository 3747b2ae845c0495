package org.espalier.api.backend;

import java.util.List;
import org.espalier.api.linear.OperatorId;

/**
 * The outcome of choosing a kernel for an operator.
 *
 * @param operator which
 * @param kernel who runs it
 * @param reason what it has shown in a self-test: {@code "takes 17 ns per tile"}; empty where none
 *     was needed
 * @param declined those that were preferred but refused, each as {@code "name: reason"}
 */
public record Binding(OperatorId operator, String kernel, String reason, List<String> declined) {
  public Binding {
    declined = List.copyOf(declined);
  }

  /** Without a self-test. */
  public Binding(OperatorId operator, String kernel, List<String> declined) {
    this(operator, kernel, "", declined);
  }
}
