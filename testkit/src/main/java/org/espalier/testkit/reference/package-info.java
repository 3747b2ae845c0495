/**
 * What every stage computes, written to be read: one obvious loop each, in double arithmetic. Start
 * with {@link org.espalier.testkit.reference.ReferenceBackend}.
 */
@NullMarked
package org.espalier.testkit.reference;

import org.jspecify.annotations.NullMarked;
