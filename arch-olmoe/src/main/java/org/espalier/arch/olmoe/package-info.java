/** The OLMoE architecture. */
@NullMarked
package org.espalier.arch.olmoe;

import org.jspecify.annotations.NullMarked;
