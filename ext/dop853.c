/* Dormand & Prince's explicit Runge-Kutta method of order 8 with error estimates of orders 5 and 3,
 * and its dense output of order 7, which takes three right-hand sides more.
 *
 * P. J. Prince & J. R. Dormand (1981), J. Comput. Appl. Math. 7, 67-75; estimates, dense output and
 * test for stiffness as in Hairer, Norsett & Wanner, Solving ODEs I, II.5, II.6 and II.10, and in
 * their code DOP853, whose coefficients these are.
 */
#include <math.h>

#include "core.h"
#include "wide.h"

/* Generated code stores state by state; a load of two states at once has to wait for both. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-vectorize", "no-tree-slp-vectorize")
#endif

/* The stages of a step; then the derivative where it ends, and three for the dense output. */
enum { STAGES = 12, END = 12, ALL = 16, N_COEF = 8 };

static const double C[ALL] = {
    0.0, 0.05260015195876773, 0.0789002279381516, 0.1183503419072274, 0.2816496580927726,
    0.3333333333333333, 0.25, 0.3076923076923077, 0.6512820512820513, 0.6, 0.8571428571428571,
    1.0, 1.0, 0.1, 0.2, 0.7777777777777778};

/* Row 12 holds the weights of the solution; the rows after it belong to the dense output. */
static const double A[ALL][ALL - 1] = {
    {0.0},
    {0.05260015195876773},
    {0.0197250569845379, 0.0591751709536137},
    {0.02958758547680685, 0.0, 0.08876275643042054},
    {0.2413651341592667, 0.0, -0.8845494793282861, 0.924834003261792},
    {0.037037037037037035, 0.0, 0.0, 0.17082860872947386, 0.12546768756682242},
    {0.037109375, 0.0, 0.0, 0.17025221101954405, 0.06021653898045596, -0.017578125},
    {0.03709200011850479, 0.0, 0.0, 0.17038392571223998, 0.10726203044637328,
     -0.015319437748624402, 0.008273789163814023},
    {0.6241109587160757, 0.0, 0.0, -3.3608926294469414, -0.868219346841726, 27.59209969944671,
     20.154067550477894, -43.48988418106996},
    {0.47766253643826434, 0.0, 0.0, -2.4881146199716677, -0.590290826836843,
     21.230051448181193, 15.279233632882423, -33.28821096898486, -0.020331201708508627},
    {-0.9371424300859873, 0.0, 0.0, 5.186372428844064, 1.0914373489967295, -8.149787010746927,
     -18.52006565999696, 22.739487099350505, 2.4936055526796523, -3.0467644718982196},
    {2.273310147516538, 0.0, 0.0, -10.53449546673725, -2.0008720582248625, -17.9589318631188,
     27.94888452941996, -2.8589982771350235, -8.87285693353063, 12.360567175794303,
     0.6433927460157636},
    {0.054293734116568765, 0.0, 0.0, 0.0, 0.0, 4.450312892752409, 1.8915178993145003,
     -5.801203960010585, 0.3111643669578199, -0.1521609496625161, 0.20136540080403034,
     0.04471061572777259},
    {0.056167502283047954, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25350021021662483, -0.2462390374708025,
     -0.12419142326381637, 0.15329179827876568, 0.00820105229563469, 0.007567897660545699,
     -0.008298},
    {0.03183464816350214, 0.0, 0.0, 0.0, 0.0, 0.028300909672366776, 0.053541988307438566,
     -0.05492374857139099, 0.0, 0.0, -0.00010834732869724932, 0.0003825710908356584,
     -0.00034046500868740456, 0.1413124436746325},
    {-0.42889630158379194, 0.0, 0.0, 0.0, 0.0, -4.697621415361164, 7.683421196062599,
     4.06898981839711, 0.3567271874552811, 0.0, 0.0, 0.0, -0.0013990241651590145,
     2.9475147891527724, -9.15095847217987}};

/* Differences of the weights to those of a solution of order 5 and of one of order 3. */
static const double E5[STAGES] = {
    0.01312004499419488, 0.0, 0.0, 0.0, 0.0, -1.2251564463762044, -0.4957589496572502,
    1.6643771824549864, -0.35032884874997366, 0.3341791187130175, 0.08192320648511571,
    -0.022355307863886294};
static const double E3[STAGES] = {
    -0.18980075407240762, 0.0, 0.0, 0.0, 0.0, 4.450312892752409, 1.8915178993145003,
    -5.801203960010585, -0.4226823213237919, -0.1521609496625161, 0.20136540080403034,
    0.02265179219836082};

static const double D[4][ALL] = {
    {-8.428938276109013, 0.0, 0.0, 0.0, 0.0, 0.5667149535193777, -3.0689499459498917,
     2.38466765651207, 2.117034582445028, -0.871391583777973, 2.2404374302607883,
     0.6315787787694688, -0.08899033645133331, 18.148505520854727, -9.194632392478356,
     -4.436036387594894},
    {10.427508642579134, 0.0, 0.0, 0.0, 0.0, 242.28349177525817, 165.20045171727028,
     -374.5467547226902, -22.113666853125306, 7.733432668472264, -30.674084731089398,
     -9.332130526430229, 15.697238121770845, -31.139403219565178, -9.35292435884448,
     35.81684148639408},
    {19.985053242002433, 0.0, 0.0, 0.0, 0.0, -387.0373087493518, -189.17813819516758,
     527.8081592054236, -11.57390253995963, 6.8812326946963, -1.0006050966910838,
     0.7777137798053443, -2.778205752353508, -60.19669523126412, 84.32040550667716,
     11.99229113618279},
    {-25.69393346270375, 0.0, 0.0, 0.0, 0.0, -154.18974869023643, -231.5293791760455,
     357.6391179106141, 93.40532418362432, -37.45832313645163, 104.0996495089623,
     29.8402934266605, -43.53345659001114, 96.32455395918828, -39.17726167561544,
     -149.72683625798564}};

/* What the interpolant's last term is taken to say of its error: the largest value of
 * theta^4 (1 - theta)^3, over 7. Measured step by step, the term was 7 times the error where fast
 * modes are at the edge of stability, seldom less than 4 times, and more where steps are small.
 * Without this bound the error between steps was up to 300 times the tolerance. */
static const double LAST_TERM = 0.0084 / 7.0;

/* Work: stages 1 to 11, the last stage's place, the rougher estimate, the dense output's stages,
 * the place of one of them and then its error. */
static size_t dop853_work_size(int n_state, int dim)
{
    (void)n_state;
    return 17 * (size_t)dim;
}

static double *dop853_part(const tro_step *step, int part)
{
    return step->work + (size_t)part * (size_t)step->dim;
}

static void dop853_stages(const tro_step *step, double *k[ALL])
{
    k[0] = (double *)step->f;
    for (int s = 1; s < STAGES; s++) k[s] = dop853_part(step, s - 1);
    k[END] = step->f_new;
    for (int s = END + 1; s < ALL; s++) k[s] = dop853_part(step, s);
}

/* out = h * (w[0] k[0] + ... + w[n - 1] k[n - 1]), from y where there is one. With w and n
 * constants this becomes straight-line code without the terms that vanish. */
static INLINE void dop853_combine(const double *w, const int n, int dim, double h,
                                  double *const *k, const double *y, double *out)
{
    for (int i = 0; i < dim; i++) {
        double sum = 0.0;
        for (int r = 0; r < n; r++)
            if (w[r] != 0.0) sum += w[r] * k[r][i];
        out[i] = y ? y[i] + h * sum : h * sum;
    }
}

static INLINE void dop853_stage(const int s, const tro_step *step, double *const *k, double *at)
{
    dop853_combine(A[s], s, step->dim, step->h, k, step->y, at);
    tro_system_rhs(step->system, step->t + C[s] * step->h, at, k[s]);
}

static int dop853_step(tro_step *step)
{
    const int dim = step->dim;
    const double h = step->h;
    double *k[ALL], *at = step->y_new;
    dop853_stages(step, k);
    dop853_stage(1, step, k, at);
    dop853_stage(2, step, k, at);
    dop853_stage(3, step, k, at);
    dop853_stage(4, step, k, at);
    dop853_stage(5, step, k, at);
    dop853_stage(6, step, k, at);
    dop853_stage(7, step, k, at);
    dop853_stage(8, step, k, at);
    dop853_stage(9, step, k, at);
    dop853_stage(10, step, k, at);
    dop853_stage(11, step, k, dop853_part(step, 11));
    dop853_combine(A[END], STAGES, dim, h, k, step->y, step->y_new);
    step->rough = dop853_part(step, 12);
    dop853_combine(E5, STAGES, dim, h, k, NULL, step->error);
    dop853_combine(E3, STAGES, dim, h, k, NULL, dop853_part(step, 12));
    step->between = NULL;
    step->bad = -1;
    for (int i = 0; i < step->system->n_state; i++)
        if (!isfinite(step->error[i]))
            for (int s = 1; s < STAGES && step->bad < 0; s++)
                step->bad = tro_system_bad(step->system, k[s]);
    return TRO_SUCCESS;
}

static int dop853_arrive(tro_step *step)
{
    double *k[ALL];
    const double *last = dop853_part(step, 11);
    dop853_stages(step, k);
    tro_system_rhs(step->system, step->t + step->h, step->y_new, step->f_new);
    step->stiffness =
        step->h * tro_system_steepness(step->system, k[END], k[END - 1], step->y_new, last);
    step->bad = tro_system_bad(step->system, step->f_new);
    if (step->bad >= 0) return TRO_NONFINITE;

    double *at = dop853_part(step, 16);
    dop853_stage(13, step, k, at);
    dop853_stage(14, step, k, at);
    dop853_stage(15, step, k, at);
    for (int s = END + 1; s < ALL && step->bad < 0; s++)
        step->bad = tro_system_bad(step->system, k[s]);
    dop853_combine(D[3], ALL, step->dim, LAST_TERM * step->h, k, NULL, at);
    step->between = at;
    return step->bad < 0 ? TRO_SUCCESS : TRO_NONFINITE;
}

static void dop853_dense(const tro_step *step, int n, double *coef)
{
    const size_t m = (size_t)n;
    const double h = step->h;
    double *k[ALL];
    dop853_stages(step, k);
    for (int j = 0; j < 4; j++) dop853_combine(D[j], ALL, n, h, k, NULL, coef + (size_t)(4 + j) * m);
    for (size_t i = 0; i < m; i++) {
        const double y = step->y[i], rise = step->y_new[i] - y;
        const double terms[N_COEF - 1] = {rise, h * k[0][i] - rise,
                                          2.0 * rise - h * (k[END][i] + k[0][i]), coef[4 * m + i],
                                          coef[5 * m + i], coef[6 * m + i], coef[7 * m + i]};
        /* y + theta (a + (1 - theta) (b + theta (c + ...))), multiplied out. */
        double power[N_COEF] = {0.0};
        for (int q = N_COEF - 2; q >= 0; q--) {
            power[0] += terms[q];
            for (int j = N_COEF - 1; j > 0; j--)
                power[j] = q % 2 ? power[j] - power[j - 1] : power[j - 1];
            if (q % 2 == 0) power[0] = 0.0;
        }
        power[0] = y;
        for (int j = 0; j < N_COEF; j++) coef[(size_t)j * m + i] = power[j];
    }
}

const tro_method tro_dop853 = {
    .name = "dop853",
    .documentation = "Explicit Runge-Kutta method of order 8(5,3), dense output of order 7.",
    .order = 8,
    .error_order = 8,
    .n_coef = N_COEF,
    .implicit = 0,
    .stiff_limit = 6.1,
    .work_size = dop853_work_size,
    .step = dop853_step,
    .arrive = dop853_arrive,
    .dense = dop853_dense,
};
