/** What every negotiation answers, and the ways in which things fail. */
@NullMarked
package org.espalier.api;

import org.jspecify.annotations.NullMarked;
