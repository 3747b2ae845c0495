package org.espalier.runtime.quantisation.tuning;

import org.espalier.api.linear.OperatorId;

/**
 * One matrix of an operator.
 *
 * @param expert 0 where there are no experts
 */
public record OperatorPart(OperatorId id, int expert) {}
