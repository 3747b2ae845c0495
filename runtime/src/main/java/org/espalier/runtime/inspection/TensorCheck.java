package org.espalier.runtime.inspection;

import java.util.List;

/**
 * What the numbers of one tensor, or of one decoded linear operator, are like. Smallest, largest
 * and root mean square are of the finite numbers; 0 where there are none.
 *
 * @param name of the tensor
 * @param decodedBy the codec that decoded it; {@code "plain"} where there was nothing to decode
 * @param values how many numbers
 * @param smallest of them
 * @param largest of them
 * @param rootMeanSquare of them
 * @param problems why it cannot be right, one sentence each
 * @param remarks what may be right but is odd
 */
public record TensorCheck(
    String name,
    String decodedBy,
    long values,
    double smallest,
    double largest,
    double rootMeanSquare,
    List<String> problems,
    List<String> remarks) {
  public TensorCheck {
    problems = List.copyOf(problems);
    remarks = List.copyOf(remarks);
  }
}
