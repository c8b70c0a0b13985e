/* The functions of lanes_math.h over what one run computes side by side: as tro_abreast_vtanh.
 *
 * The same text once more at the width of a tro_side, under other names, so that the same
 * operations give the same bits. Nothing where there are no such vectors.
 */
#ifndef TRO_SIDE_MATH_H
#define TRO_SIDE_MATH_H

#include "lanes_math.h"

#if TRO_SIDE

#define tro_v tro_side
#define tro_m tro_abreast_m
#define tro_u tro_abreast_u
#define tro_set tro_abreast_set
#define tro_set_bits tro_abreast_set_bits
#define tro_bits tro_abreast_bits
#define tro_value tro_abreast_value
#define tro_shift_left tro_abreast_shift_left
#define tro_shift_right tro_abreast_shift_right
#define tro_wrapping_sum tro_abreast_wrapping_sum
#define tro_less tro_abreast_less
#define tro_equal tro_abreast_equal
#define tro_any tro_abreast_any
#define tro_fma tro_abreast_fma
#define tro_sqrt tro_abreast_sqrt
#define tro_select tro_abreast_select
#define tro_abs tro_abreast_abs
#define tro_larger tro_abreast_larger
#define tro_smaller tro_abreast_smaller
#define tro_math_signed tro_abreast_math_signed
#define tro_math_halvings tro_abreast_math_halvings
#define tro_math_exp_tail tro_abreast_math_exp_tail
#define tro_math_raised tro_abreast_math_raised
#define tro_math_expm1 tro_abreast_math_expm1
#define tro_math_octaves tro_abreast_math_octaves
#define tro_math_log_pair tro_abreast_math_log_pair
#define tro_math_log_edges tro_abreast_math_log_edges
#define tro_math_is_whole tro_abreast_math_is_whole
#define tro_vtan tro_abreast_vtan
#define tro_vasin tro_abreast_vasin
#define tro_vacos tro_abreast_vacos
#define tro_vatan tro_abreast_vatan
#define tro_vasinh tro_abreast_vasinh
#define tro_vacosh tro_abreast_vacosh
#define tro_vatanh tro_abreast_vatanh
#define tro_vexp tro_abreast_vexp
#define tro_vtanh tro_abreast_vtanh
#define tro_vsinh tro_abreast_vsinh
#define tro_vcosh tro_abreast_vcosh
#define tro_vlog tro_abreast_vlog
#define tro_vpow tro_abreast_vpow
#define tro_vsincos tro_abreast_vsincos
#define tro_vsin tro_abreast_vsin
#define tro_vcos tro_abreast_vcos

#undef TRO_LANES_H
#undef TRO_LANES_MATH_H
#undef TRO_MATH_LN2_LOW
#undef TRO_LANE
#undef TRO_LANES
#define TRO_LANES TRO_SIDE_WIDTH
#undef TRO_SIDE

#include "lanes_math.h"

#undef TRO_SIDE
#define TRO_SIDE TRO_SIDE_WIDTH
#undef TRO_LANES
#define TRO_LANES 1
#undef TRO_LANE
#define TRO_LANE(a, lane) (*((void)(lane), &(a)))

#undef tro_v
#undef tro_m
#undef tro_u
#undef tro_set
#undef tro_set_bits
#undef tro_bits
#undef tro_value
#undef tro_shift_left
#undef tro_shift_right
#undef tro_wrapping_sum
#undef tro_less
#undef tro_equal
#undef tro_any
#undef tro_fma
#undef tro_sqrt
#undef tro_select
#undef tro_abs
#undef tro_larger
#undef tro_smaller
#undef tro_math_signed
#undef tro_math_halvings
#undef tro_math_exp_tail
#undef tro_math_raised
#undef tro_math_expm1
#undef tro_math_octaves
#undef tro_math_log_pair
#undef tro_math_log_edges
#undef tro_math_is_whole
#undef tro_vtan
#undef tro_vasin
#undef tro_vacos
#undef tro_vatan
#undef tro_vasinh
#undef tro_vacosh
#undef tro_vatanh
#undef tro_vexp
#undef tro_vtanh
#undef tro_vsinh
#undef tro_vcosh
#undef tro_vlog
#undef tro_vpow
#undef tro_vsincos
#undef tro_vsin
#undef tro_vcos

#endif
#endif
